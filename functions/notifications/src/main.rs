//! The Lambda binary of `notifications`.

use std::sync::Arc;

use lambda_runtime::Error;
use tessera_lambda::serve;
use tessera_notifications::Notifier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let notifier = Arc::new(Notifier::default());
    serve::queue(tessera_notifications::NEEDS, |services, event| {
        let notifier = Arc::clone(&notifier);
        async move { tessera_notifications::handle(&services, &notifier, event).await }
    })
    .await
}
