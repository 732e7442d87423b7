//! The Lambda binary of `program-admin`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_program_admin::NEEDS, tessera_program_admin::ROUTES).await
}
