//! The command line: one file per subcommand.

mod api;
mod backtest;
mod codes;
mod completion;
mod doctor;
mod export;
mod figures;
mod import;
mod keys;
mod klaviyo;
mod program;
mod programs;
mod reconnect;
mod redrive;
mod replay;
mod report;
mod serve;
mod verify;

pub use crate::failure::{end_with_the_output, report as report_failure};
pub(crate) use replay::report as replay_report;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use tessera_lambda::auth::is_api_key;

use crate::stack::Storage;

/// Tessera: the loyalty and referral platform that runs in your own AWS account, and here on your machine.
///
/// Without a subcommand, it serves the whole API on 127.0.0.1 with a demo program and a week of real receipts.
#[derive(Debug, Parser)]
#[command(name = "tessera", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send the orders of a CSV file as receipts and refunds to a running stack.
    Replay(replay::ReplayArgs),
    /// Show what draft rules would have cost.
    Backtest(Box<backtest::BacktestArgs>),
    /// Load a file of codes into the pool of a reward.
    Codes(codes::CodesArgs),
    /// Keep the program in git: print it, compare it with a file, apply the file.
    Program {
        #[command(subcommand)]
        command: program::ProgramCommand,
    },
    /// List, create and delete API keys.
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Bring members to Klaviyo.
    Klaviyo {
        #[command(subcommand)]
        command: klaviyo::KlaviyoCommand,
    },
    /// Print the completion script of a shell.
    Completion(completion::CompletionArgs),
    /// Import a CSV file of another loyalty program, or of past orders.
    Import(Box<import::ImportArgs>),
    /// Export everything that a program has into a folder.
    Export(export::ExportArgs),
    /// Create programs on a deployed stack.
    Programs {
        #[command(subcommand)]
        command: programs::ProgramsCommand,
    },
    /// Check a deployed stack: its parts, alarms, dead letters, secrets and clock.
    Doctor(doctor::DoctorArgs),
    /// Resend lost facts or dead letters of a deployed stack.
    Redrive {
        #[command(subcommand)]
        command: redrive::RedriveCommand,
    },
    /// Let the functions of a deployed stack read the streams of restored tables.
    Reconnect(reconnect::ReconnectArgs),
    /// Print the statement of a period: how the liability came about, and the figures beside it.
    Report(report::ReportArgs),
    /// Rebuild the figures of the reports.
    Figures {
        #[command(subcommand)]
        command: figures::FiguresCommand,
    },
    /// Verify that every balance follows from the ledger and that every fact was decided exactly once.
    Verify(verify::VerifyArgs),
}

/// Where a local stack keeps its tables.
#[derive(Debug, Clone, Args)]
pub(crate) struct StorageArgs {
    /// Store the tables in this folder, so that a restart continues where the last run ended.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Store the tables in memory (the default): every start is empty.
    #[arg(long, conflicts_with = "data")]
    memory: bool,
}

/// The data folder of an earlier local stack.
#[derive(Debug, Clone, Args)]
pub(crate) struct FolderArgs {
    /// The data folder of a local stack, which must not be running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl FolderArgs {
    /// The tables in the folder, if one is named.
    ///
    /// # Errors
    /// When the folder has none.
    fn storage(&self) -> anyhow::Result<Option<Storage>> {
        let storage = self.data.clone().map(Storage::Folder);
        storage.as_ref().map_or(Ok(()), Storage::require_tables)?;
        Ok(storage)
    }
}

impl StorageArgs {
    fn storage(&self) -> Storage {
        self.data.clone().map_or(Storage::Memory, Storage::Folder)
    }
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl OutputArgs {
    /// Prints a value as JSON, or a text.
    fn print(self, value: &Value, text: &str) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            print!("{text}");
        }
        Ok(())
    }
}

/// Parses an admin key argument.
fn admin_key(text: &str) -> Result<String, String> {
    let why = || "an API key is tsk_ and letters, digits or underscores, 128 characters at most".to_owned();
    is_api_key(text).then(|| text.to_owned()).ok_or_else(why)
}

/// A number of things, such as "1 fault" and "2 faults".
fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Parses a time argument.
fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("not a time such as 2026-03-01T09:00:00Z: {error}"))
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// A message for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            None => self.serve.run().await,
            Some(Command::Replay(args)) => args.run().await,
            Some(Command::Backtest(args)) => args.run().await,
            Some(Command::Codes(args)) => args.run().await,
            Some(Command::Program { command }) => command.run().await,
            Some(Command::Keys { command }) => command.run().await,
            Some(Command::Klaviyo { command }) => command.run().await,
            Some(Command::Completion(args)) => args.run(),
            Some(Command::Import(args)) => args.run().await,
            Some(Command::Export(args)) => args.run().await,
            Some(Command::Programs { command }) => command.run().await,
            Some(Command::Doctor(args)) => args.run().await,
            Some(Command::Redrive { command }) => command.run().await,
            Some(Command::Reconnect(args)) => args.run().await,
            Some(Command::Report(args)) => args.run().await,
            Some(Command::Figures { command }) => command.run().await,
            Some(Command::Verify(args)) => args.run().await,
        }
    }
}
