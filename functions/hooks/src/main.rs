//! The Lambda binary of `hooks`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_hooks::NEEDS, tessera_hooks::ROUTES).await
}
