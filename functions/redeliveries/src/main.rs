//! The Lambda binary of `redeliveries`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(tessera_redeliveries::NEEDS, |services, invocation| async move {
        tessera_redeliveries::handle(&services, invocation).await
    })
    .await
}
