/// One measurement of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub system: String,
    /// Bytes of a value, for people.
    pub value: String,
    /// Clients at a time.
    pub clients: usize,
    /// What they did.
    pub operation: String,
    /// Operations a second, of all clients together.
    pub per_second: f64,
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
}

/// Prints a table in Markdown.
pub fn print_rows(rows: &[Row]) {
    println!("| system | value | clients | operation | a second | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {:.0} | {:.2} | {:.2} |",
            row.system, row.value, row.clients, row.operation, row.per_second, row.p50_ms, row.p99_ms
        );
    }
    println!();
}
