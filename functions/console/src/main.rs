//! The Lambda binary of `console`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_console::NEEDS, tessera_console::ROUTES).await
}
