//! The Lambda binary of `backtest-run`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main]
async fn main() -> Result<(), Error> {
    serve::queue(|services, event| async move { tessera_backtest_run::handle(&services, event).await }).await
}
