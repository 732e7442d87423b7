//! The Lambda binary of `integrations`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_integrations::NEEDS, tessera_integrations::ROUTES).await
}
