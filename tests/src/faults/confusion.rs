use super::Outcome;
use crate::rivals;
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Which causes were named for which faults, over all scenes that were played.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Confusion {
    /// How each scene and pair went, by name.
    pub outcomes: Vec<Outcome>,
    /// Scenes that could not be played here, and why.
    pub skipped: Vec<(String, String)>,
}

/// The part of injected faults whose cause must come first.
const WANTED: f64 = 0.95;

impl Confusion {
    fn pairs(&self, pairs: bool) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.scene.contains(" + ") == pairs)
    }

    /// Right ones and all, of scenes or of pairs.
    fn rate(&self, pairs: bool) -> (usize, usize) {
        (self.pairs(pairs).filter(|outcome| outcome.is_right()).count(), self.pairs(pairs).count())
    }

    /// Whether enough faults were named first. Where nothing was played there is nothing
    /// to be seen, and it holds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a few hundred scenes")]
    pub fn is_good(&self) -> bool {
        let (right, all) = self.rate(false);
        right as f64 >= WANTED * all as f64
    }

    /// A few lines.
    #[must_use]
    pub fn summary(&self) -> String {
        let ((right, all), (both, pairs)) = (self.rate(false), self.rate(true));
        let mut faults: Vec<&str> =
            self.pairs(false).filter(|o| o.is_right()).flat_map(|o| &o.faults).map(String::as_str).collect();
        faults.sort_unstable();
        faults.dedup();
        let mut text = format!(
            "faults: {right} of {all} scenes named right ({} numbers of the knowledge base), {both} of {pairs} pairs, {} skipped\n",
            faults.len(),
            self.skipped.len()
        );
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.is_right()) {
            let why = outcome.known_miss.as_deref().map(|why| format!(" (known: {why})")).unwrap_or_default();
            let _ =
                writeln!(text, "  missed {}: {:?} named for {:?}{why}", outcome.scene, outcome.named, outcome.expected);
        }
        text
    }

    /// Writes `confusion.json` and `confusion.md` into a folder.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let matrix = self.matrix();
        let json = serde_json::json!({ "matrix": matrix, "outcomes": self.outcomes, "skipped": self.skipped });
        let file = folder.join("confusion.json");
        std::fs::write(&file, serde_json::to_string_pretty(&json)?).with_context(|| file.display().to_string())?;
        let file = folder.join("confusion.md");
        std::fs::write(&file, self.markdown(&matrix)).with_context(|| file.display().to_string())
    }

    /// Expected, first named, how often. Pairs are not in it.
    fn matrix(&self) -> BTreeMap<&str, BTreeMap<&str, usize>> {
        let mut matrix: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for outcome in self.pairs(false) {
            let expected = outcome.expected.first().map_or("(none)", String::as_str);
            let named = outcome.named.first().map_or("(none)", String::as_str);
            *matrix.entry(expected).or_default().entry(named).or_default() += 1;
        }
        matrix
    }

    fn markdown(&self, matrix: &BTreeMap<&str, BTreeMap<&str, usize>>) -> String {
        let mut text = format!("# Confusion matrix\n\n{}\n", self.summary());
        text += "| cause that was made | named first | times |\n|---|---|---|\n";
        for (expected, named) in matrix {
            for (named, times) in named {
                let mark = if expected == named { "" } else { " **wrong**" };
                let _ = writeln!(text, "| {expected} | {named}{mark} | {times} |");
            }
        }
        text += "\n## Scenes\n\n| scene | faults | expected | named | folded | healthy, injected, remedied (s) |\n|---|---|---|---|---|---|\n";
        for o in &self.outcomes {
            let [a, b, c] = o.seconds;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {a:.2} {b:.2} {c:.2} |",
                o.scene,
                o.faults.join(" "),
                o.expected.join(" "),
                o.named.join(" "),
                o.folded
            );
        }
        text += "\n## Skipped\n\n";
        for (scene, why) in &self.skipped {
            let _ = writeln!(text, "* {scene}: {why}");
        }
        let outcomes: Vec<&Outcome> = self.pairs(false).collect();
        text + "\n## Other tools\n\n" + &rivals::table(&outcomes)
    }
}
