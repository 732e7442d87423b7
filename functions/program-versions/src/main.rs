//! The Lambda binary of `program-versions`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_program_versions::NEEDS, tessera_program_versions::ROUTES).await
}
