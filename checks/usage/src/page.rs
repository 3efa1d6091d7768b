//! A page of metrics: Prometheus text (0.0.4) and OpenMetrics.

/// One line of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name, with its suffix.
    pub name: String,
    /// Labels, in the order written.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// A label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a page. *Behaviour*: lines that are none are left out.
#[must_use]
pub fn read(text: &str) -> Vec<Sample> {
    text.lines().filter_map(|line| sample(line.trim())).collect()
}

fn sample(line: &str) -> Option<Sample> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().ok()?,
    };
    (!name.is_empty() && !value.is_nan()).then(|| Sample { name: name.into(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (key, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        rest = loop {
            match chars.next()? {
                (at, '"') => break after.get(at + 1..)?,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((key.trim().to_owned(), value));
    }
}

/// The sum of all samples of a name of which the labels have these values; `None` where there is none.
#[must_use]
pub fn sum(samples: &[Sample], name: &str, wanted: &[(&str, &[&str])]) -> Option<f64> {
    let fits = |sample: &&Sample| {
        sample.name == name
            && wanted.iter().all(|(label, any)| sample.label(label).is_some_and(|value| any.contains(&value)))
    };
    samples.iter().filter(fits).map(|sample| sample.value).reduce(|a, b| a + b)
}

/// Median of a histogram, in its own unit: the bound of the bucket that holds it. `None`
/// without one observation; the last finite bound where it lies beyond.
#[must_use]
pub fn median(samples: &[Sample], name: &str) -> Option<f64> {
    let bucket = [name, "_bucket"].concat();
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.name == bucket) {
        let bound = match sample.label("le")? {
            "+Inf" => f64::INFINITY,
            text => text.parse().ok()?,
        };
        match buckets.iter_mut().find(|(other, _)| (*other - bound).abs() < f64::EPSILON || *other == bound) {
            Some((_, count)) => *count += sample.value,
            None => buckets.push((bound, sample.value)),
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all = buckets.last()?.1;
    if all <= 0.0 {
        return None;
    }
    let at = buckets.iter().position(|(_, count)| *count >= all / 2.0)?;
    let (bound, _) = *buckets.get(at)?;
    if bound.is_finite() { Some(bound) } else { Some(buckets.get(at.checked_sub(1)?)?.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP x y\n# TYPE reads counter\nreads_total{outcome=\"hit\",op=\"get\"} 3\nreads_total{outcome=\"miss\",op=\"get\"} 1.0 1700000000\nreads_total{op=\"put\",outcome=\"a \\\"b\\\\\\n\"} 2\nup 1\nnan NaN\nbad{ 1\n# EOF\n";

    #[test]
    fn lines_become_samples() {
        let samples = read(PAGE);
        assert_eq!(samples.len(), 4);
        assert_eq!(samples[2].label("outcome"), Some("a \"b\\\n"));
        assert_eq!(sum(&samples, "reads_total", &[("op", &["get"])]), Some(4.0));
        assert_eq!(sum(&samples, "reads_total", &[("outcome", &["hit", "miss"])]), Some(4.0));
        assert_eq!((sum(&samples, "reads", &[]), sum(&samples, "up", &[])), (None, Some(1.0)));
    }

    #[test]
    fn the_median_is_the_bound_of_its_bucket() {
        let page = |counts: [u32; 3]| {
            read(&format!(
                "t_bucket{{le=\"0.1\"}} {}\nt_bucket{{le=\"10\"}} {}\nt_bucket{{le=\"+Inf\"}} {}\n",
                counts[0], counts[1], counts[2]
            ))
        };
        assert_eq!(median(&page([9, 10, 10]), "t"), Some(0.1));
        assert_eq!(median(&page([1, 9, 10]), "t"), Some(10.0));
        assert_eq!(median(&page([0, 0, 10]), "t"), Some(10.0), "beyond the last bound");
        assert_eq!((median(&page([0, 0, 0]), "t"), median(&[], "t")), (None, None));
    }

    #[test]
    fn what_is_no_page_has_no_samples() {
        assert!(read("<html><body>hello</body></html>").is_empty());
        assert!(read("{\"a\": 1}").is_empty());
    }
}
