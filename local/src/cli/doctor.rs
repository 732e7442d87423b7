//! `tessera doctor`.

use clap::Args;
use serde_json::json;

use super::api::has_colours;
use super::{OutputArgs, counted};
use crate::deployment::{Deployment, DeploymentArgs, SecretsKeyArgs};
use crate::doctor::{Examination, Health, examine};
use crate::failure::Failure;

/// The width of the text where the terminal's is not known.
const USUAL_WIDTH: usize = 80;

/// Check a deployed stack: whether all of its parts are there and work, what waits for a person, secrets and clock.
///
/// Changes nothing. Ends with 0 when all is well, with 6 when there are faults, and with 4 when AWS cannot be asked.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    secrets_key: SecretsKeyArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl DoctorArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let deployment = Deployment::connect(&self.deployment.stack).await;
        let found = examine(&deployment, &self.secrets_key.parameter(&deployment.name)).await?;
        let faults = found.faults();
        let mut told = json!(found);
        told["faults"] = json!(faults);
        self.output.print(&told, &render(&found, width(), has_colours()))?;
        match (found.stopped_by, faults) {
            (Some(fault), _) => Err(Failure::Unreachable(fault.to_string()).into()),
            (None, 0) => Ok(()),
            (None, faults) => Err(Failure::Unsound(faults).into()),
        }
    }
}

/// The columns of the terminal: what `COLUMNS` says, or the terminal itself.
fn width() -> usize {
    let said = std::env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    let own = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    said.or_else(own).filter(|columns| *columns >= 20).unwrap_or(USUAL_WIDTH)
}

/// The findings as text: a head line each, and what belongs to it below.
fn render(found: &Examination, width: usize, has_colours: bool) -> String {
    let mut text = String::new();
    for finding in &found.findings {
        let colour = match finding.status {
            Health::Ok => "32",
            Health::Unknown => "33",
            Health::Fault => "31",
        };
        let status = finding.status.to_string();
        let mark = if has_colours { format!("\u{1b}[{colour}m{status}\u{1b}[0m") } else { status };
        text.extend([&mark, " ", finding.check, "\n"]);
        text += &wrapped(&finding.detail, "  ", width);
        if let Some(remedy) = &finding.remedy {
            text += &wrapped(remedy, "  > ", width);
        }
    }
    let faults = found.faults();
    text + &if faults == 0 { "no faults\n".to_owned() } else { format!("{}\n", counted(faults, "fault")) }
}

/// A text in lines of a width, as far as its words allow.
fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            lines += &line;
            lines.push('\n');
            line = " ".repeat(indent.chars().count());
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_a_narrow_terminal() {
        let text = "the stack is half deployed, 2 missing: tessera-facts, tessera-programs";
        let lines = wrapped(text, "  > ", 40);
        assert!(lines.lines().all(|line| line.chars().count() <= 40), "{lines}");
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>().join(" "), format!("> {text}"));
        assert_eq!(wrapped("tessera-notifications-dead.fifo", "  ", 20), "  tessera-notifications-dead.fifo\n");
    }
}
