//! The Lambda binary of `erasure`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_erasure::NEEDS, tessera_erasure::ROUTES).await
}
