//! What it means that not one variable of the cache is set.

/// Where the variables are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Not in a container: nobody set them.
    Outside,
    /// In a container, and the host's report shows none either.
    SetOnNeither,
    /// In a container that did not get them.
    Lost {
        /// For people.
        message: String,
        /// The host's report shows them.
        certain: bool,
        /// Those that the host has, comma separated.
        names: String,
    },
    /// Whether this is a container is not known.
    Unknown,
}

/// Decides from the kind of container (`none` outside of one), the names that are
/// set on the host where a report of it was given, and whether GitHub Actions runs us.
#[must_use]
pub fn judge(kind: Option<&str>, on_host: Option<&[&str]>, actions: bool) -> Where {
    match (kind, on_host) {
        (Some("none"), _) => Where::Outside,
        (None, None | Some([])) => Where::Unknown,
        (_, Some([])) => Where::SetOnNeither,
        (_, Some(names)) => {
            let names = names.join(",");
            Where::Lost {
                message: format!("none of the cache's variables reached this container; the host has {names}"),
                certain: true,
                names,
            }
        }
        (Some(kind), None) => {
            let whose = if actions { "this job's container" } else { "this container" };
            let kind = if kind == "unknown" { String::new() } else { [" (", kind, ")"].concat() };
            Where::Lost {
                message: format!("not one of the cache's variables is set in {whose}{kind}: they were not passed in"),
                certain: false,
                names: String::new(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_container_the_defaults_apply() {
        assert_eq!(judge(Some("none"), None, false), Where::Outside);
        assert_eq!(judge(None, None, true), Where::Unknown);
    }

    #[test]
    fn inside_a_container_they_were_lost() {
        assert!(matches!(judge(Some("docker"), None, true), Where::Lost { certain: false, .. }));
        assert!(matches!(
            judge(Some("docker"), Some(&["CACHE_BOOTSTRAP_PEERS"]), false),
            Where::Lost { certain: true, names, .. } if names == "CACHE_BOOTSTRAP_PEERS"
        ));
        assert_eq!(judge(Some("docker"), Some(&[]), false), Where::SetOnNeither);
    }
}
