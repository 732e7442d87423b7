//! The Lambda binary of `transfer`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_transfer::NEEDS, tessera_transfer::ROUTES).await
}
