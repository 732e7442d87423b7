//! The Lambda binary of `inbound`.

use std::sync::Arc;

use lambda_runtime::Error;
use tessera_inbound::Vendors;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let vendors = Arc::new(Vendors::default());
    serve::queue(tessera_inbound::NEEDS, |services, event| {
        let vendors = Arc::clone(&vendors);
        async move { tessera_inbound::handle(&services, &vendors, event).await }
    })
    .await
}
