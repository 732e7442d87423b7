//! The injected faults as a table.

use std::collections::BTreeMap;

use tessera_local::stack::Injected;

/// Counts by function, operation and fault.
pub fn table(name: &str, runs: usize, injected: &Injected) -> String {
    let mut rows: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for ((function, operation, fault), times) in injected {
        rows.entry((function, operation)).or_default().push(format!("{fault} {times}"));
    }
    let rows = rows
        .iter()
        .map(|((function, operation), faults)| format!("{function:18} {operation:20} {}", faults.join(", ")));
    let rows: Vec<String> = rows.collect();
    let total: u64 = injected.values().sum();
    format!("{name}: {total} faults in {runs} runs\n{}\n", rows.join("\n"))
}
