//! The Lambda binary of `access`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_access::NEEDS, tessera_access::ROUTES).await
}
