//! The Lambda binary of `event-relay`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::stream(tessera_event_relay::NEEDS, |services, event| async move {
        tessera_event_relay::handle(&services, event).await
    })
    .await
}
