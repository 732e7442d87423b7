//! The Lambda binary of `backtest-run`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::queue(tessera_backtest_run::NEEDS, |services, event| async move {
        tessera_backtest_run::handle(&services, event).await
    })
    .await
}
