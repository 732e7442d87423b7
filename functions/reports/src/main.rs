//! The Lambda binary of `reports`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_reports::NEEDS, tessera_reports::ROUTES).await
}
