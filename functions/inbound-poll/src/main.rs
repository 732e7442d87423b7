//! The Lambda binary of `inbound-poll`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(tessera_inbound_poll::NEEDS, |services, invocation| async move {
        tessera_inbound_poll::handle(&services, invocation).await
    })
    .await
}
