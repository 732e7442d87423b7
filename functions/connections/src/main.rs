//! The Lambda binary of `connections`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_connections::NEEDS, tessera_connections::ROUTES).await
}
