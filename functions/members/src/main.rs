//! The Lambda binary of `members`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_members::NEEDS, tessera_members::ROUTES).await
}
