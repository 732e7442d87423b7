//! The Lambda binary of `enrollment`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_enrollment::NEEDS, tessera_enrollment::ROUTES).await
}
