//! The Lambda binary of `shop-codes`.

use std::sync::Arc;

use lambda_runtime::Error;
use tessera_lambda::serve;
use tessera_shop_codes::ShopClients;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let clients = Arc::new(ShopClients::default());
    serve::queue(tessera_shop_codes::NEEDS, |services, event| {
        let clients = Arc::clone(&clients);
        async move { tessera_shop_codes::handle(&services, &clients, event).await }
    })
    .await
}
