//! The Lambda binary of `retention`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(tessera_retention::NEEDS, |services, invocation| async move {
        tessera_retention::handle(&services, invocation).await
    })
    .await
}
