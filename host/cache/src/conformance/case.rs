use super::{Subject, Violation, absence, keys, life, listing, undeclared, values, writes};
use crate::Operation::{self, Get, Invalidate, List, Put, Stat};
use futures::future::BoxFuture;

/// One thing that a backend must do, if it declares what that takes.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it shows, in words with underscores.
    pub name: &'static str,
    needs: &'static [Operation],
    obstacle: fn(&Subject<'_>) -> Option<&'static str>,
    run: Run,
}

type Run = for<'a> fn(&'a Subject<'a>) -> BoxFuture<'a, Result<(), Violation>>;

impl Case {
    const fn new(name: &'static str, needs: &'static [Operation], run: Run) -> Self {
        Self { name, needs, obstacle: |_| None, run }
    }

    const fn unless(mut self, obstacle: fn(&Subject<'_>) -> Option<&'static str>) -> Self {
        self.obstacle = obstacle;
        self
    }

    /// Why this backend does not have to show it: an operation or a property that it
    /// does not declare.
    #[must_use]
    pub fn obstacle(&self, subject: &Subject<'_>) -> Option<String> {
        match self.needs.iter().find(|operation| !subject.can(**operation)) {
            Some(missing) => Some(format!("it does not declare `{missing}`")),
            None => (self.obstacle)(subject).map(Into::into),
        }
    }

    /// Has it shown, and removes what that stored.
    ///
    /// # Errors
    /// What the backend did wrong.
    pub async fn run<'a>(&self, subject: &'a Subject<'a>) -> Result<(), Violation> {
        let outcome = (self.run)(subject).await;
        subject.clean().await;
        outcome
    }
}

fn changing(subject: &Subject<'_>) -> Option<&'static str> {
    subject.is("immutable").then_some("its values never change")
}

fn expiring(subject: &Subject<'_>) -> Option<&'static str> {
    (!subject.is("expiring")).then_some("its values do not expire")
}

fn knowing(subject: &Subject<'_>) -> Option<&'static str> {
    subject.known().is_none().then_some("nothing is known to be there")
}

/// Values over this are not made only to see them refused.
const LARGEST_TRIED: usize = 64 << 20;

fn limited(subject: &Subject<'_>) -> Option<&'static str> {
    match subject.most() {
        None => Some("it declares no `max-value-bytes`"),
        Some(most) if most > LARGEST_TRIED => Some("its largest value is too large to try"),
        Some(_) => None,
    }
}

/// All cases, in the order in which they are worth reading.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![
        Case::new("what_is_not_there_is_none_and_no_error", &[Get], |s| Box::pin(absence::absent(s))),
        Case::new("what_is_known_to_be_there_is_found", &[Get], |s| Box::pin(absence::known(s))).unless(knowing),
        Case::new("an_empty_value_is_a_value", &[Put, Get], |s| Box::pin(values::empty(s))),
        Case::new("one_byte_comes_back", &[Put, Get], |s| Box::pin(values::one_byte(s))),
        Case::new("sixty_four_kib_come_back", &[Put, Get], |s| Box::pin(values::sixty_four_kib(s))),
        Case::new("every_byte_comes_back_as_it_is", &[Put, Get], |s| Box::pin(values::binary(s))),
        Case::new("the_largest_value_comes_back", &[Put, Get], |s| Box::pin(values::largest(s))).unless(limited),
        Case::new("one_byte_more_is_too_large_and_changes_nothing", &[Put, Get], |s| Box::pin(values::too_large(s)))
            .unless(limited),
        Case::new("metadata_comes_back", &[Put, Get], |s| Box::pin(values::metadata(s))),
        Case::new("unicode_and_slashes_are_parts_of_keys", &[Put, Get], |s| Box::pin(keys::ordinary(s))),
        Case::new("awkward_keys_are_kept_apart_or_refused", &[Put, Get], |s| Box::pin(keys::awkward(s))),
        Case::new("a_write_is_read_within_the_declared_bound", &[Put, Get], |s| Box::pin(writes::read_after_write(s))),
        Case::new("the_last_value_is_the_value", &[Put, Get], |s| Box::pin(writes::overwrite(s))).unless(changing),
        Case::new("equal_content_can_be_put_again", &[Put, Get], |s| Box::pin(writes::equal_again(s))),
        Case::new("eight_writers_of_one_key_leave_one_whole_value", &[Put, Get], |s| Box::pin(writes::eight(s)))
            .unless(changing),
        Case::new("a_cancelled_put_leaves_nothing_torn", &[Put, Get], |s| Box::pin(writes::cancelled(s)))
            .unless(changing),
        Case::new("a_value_is_gone_after_its_life", &[Put, Get], |s| Box::pin(life::expiry(s))).unless(expiring),
        Case::new("the_remaining_life_is_told", &[Put, Get], |s| Box::pin(life::remaining(s))).unless(expiring),
        Case::new("a_value_from_the_future_is_a_matter_of_clocks", &[Put, Get], |s| Box::pin(life::from_the_future(s)))
            .unless(expiring),
        Case::new("removing_what_is_not_there_succeeds", &[Invalidate], |s| Box::pin(absence::remove_absent(s))),
        Case::new("a_removed_value_is_gone", &[Put, Get, Invalidate], |s| Box::pin(absence::removed(s))),
        Case::new("stat_agrees_with_get", &[Put, Stat], |s| Box::pin(absence::stat(s))),
        Case::new("a_list_has_what_begins_with_its_prefix", &[Put, List], |s| Box::pin(listing::prefix(s))),
        Case::new("a_list_is_as_long_as_was_asked", &[Put, List], |s| Box::pin(listing::limit(s))),
        Case::new("a_list_goes_on_beyond_a_page", &[Put, List], |s| Box::pin(listing::pages(s))),
        Case::new("an_undeclared_operation_is_unsupported", &[], |s| Box::pin(undeclared::refused(s)))
            .unless(|s| Operation::ALL.into_iter().all(|o| s.can(o)).then_some("it declares every operation")),
    ]
}
