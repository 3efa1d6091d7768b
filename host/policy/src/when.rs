//! The `when` expression of a check: a condition over facts of the place.
//!
//! ```text
//! or         = and ( "||" and )*
//! and        = not ( "&&" not )*
//! not        = "!" not | "(" or ")" | comparison
//! comparison = operand ( ( "==" | "!=" ) operand )?
//! operand    = identifier | 'text'
//! identifier = a letter, then letters, digits and hyphens
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use winnow::ascii::multispace0;
use winnow::combinator::{alt, delimited, not, opt, preceded, separated};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::{one_of, take_while};

/// Facts that an expression may name besides the file's variables.
pub const KNOWN_FACTS: &[&str] = &[
    "address",
    "allow-writes",
    "arch",
    "ci",
    "container-kind",
    "desktop",
    "embedded",
    "gateway",
    "in-container",
    "interface",
    "kind",
    "network-mode",
    "network-mode-confidence",
    "offline",
    "os",
    "rootless",
    "subnet",
    "vantage",
    "wsl",
];

/// Longer texts are refused, which also bounds how deep one can be nested.
const MAX_LENGTH: usize = 1000;

/// A condition, read.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    text: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Not(Box<Node>),
    Truth(Operand),
    Equal(Operand, Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Name(String, Range<usize>),
    Text(String),
}

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WhenError {
    /// What is wrong.
    pub message: String,
    /// Where in the expression, in bytes from 0.
    pub offset: usize,
}

impl When {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong and where, when the text does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, WhenError> {
        if text.len() > MAX_LENGTH {
            return Err(WhenError { message: format!("longer than {MAX_LENGTH} characters"), offset: 0 });
        }
        let root = delimited(multispace0, any, multispace0).parse(LocatingSlice::new(text)).map_err(|e| {
            let offset = e.offset();
            let rest = text.get(offset..).unwrap_or("").trim_start();
            let message = if rest.is_empty() {
                "ends too early".to_owned()
            } else if rest.starts_with('=') && !rest.starts_with("==") {
                "compares with `=`; write `==`".to_owned()
            } else if rest.starts_with('(') && rest.matches('(').count() > rest.matches(')').count() {
                "leaves a parenthesis open".to_owned()
            } else if rest.starts_with('"') {
                "holds a text in double quotes; write 'text'".to_owned()
            } else {
                format!("cannot be read from `{rest}` on")
            };
            WhenError { message, offset }
        })?;
        Ok(Self { text: text.trim().to_owned(), root })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Every identifier and where it stands in the text.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, Range<usize>)> {
        let mut names = Vec::new();
        self.root.names(&mut names);
        names
    }

    /// Whether it holds for `facts`.
    ///
    /// *Behaviour*: a fact that is missing is the empty text. An identifier alone
    /// holds unless its fact is empty, `false`, `none` or `unknown`: what is not
    /// known does not make a condition true. In a comparison both sides are text.
    #[must_use]
    pub fn holds(&self, facts: &BTreeMap<String, String>) -> bool {
        self.root.holds(facts)
    }
}

impl Node {
    fn holds(&self, facts: &BTreeMap<String, String>) -> bool {
        match self {
            Node::Any(all) => all.iter().any(|n| n.holds(facts)),
            Node::All(all) => all.iter().all(|n| n.holds(facts)),
            Node::Not(inner) => !inner.holds(facts),
            Node::Truth(operand) => !matches!(operand.value(facts), "" | "false" | "none" | "unknown"),
            Node::Equal(left, right) => left.value(facts) == right.value(facts),
        }
    }

    fn names<'a>(&'a self, into: &mut Vec<(&'a str, Range<usize>)>) {
        let mut operand = |operand: &'a Operand| {
            if let Operand::Name(name, span) = operand
                && !matches!(name.as_str(), "true" | "false")
            {
                into.push((name.as_str(), span.clone()));
            }
        };
        match self {
            Node::Any(all) | Node::All(all) => all.iter().for_each(|n| n.names(into)),
            Node::Not(inner) => inner.names(into),
            Node::Truth(one) => operand(one),
            Node::Equal(left, right) => {
                operand(left);
                operand(right);
            }
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, facts: &'a BTreeMap<String, String>) -> &'a str {
        match self {
            Operand::Text(text) => text,
            Operand::Name(name, _) if matches!(name.as_str(), "true" | "false") => name,
            Operand::Name(name, _) => facts.get(name).map_or("", String::as_str),
        }
    }
}

type Input<'a> = LocatingSlice<&'a str>;

fn any(input: &mut Input<'_>) -> ModalResult<Node> {
    let mut all: Vec<Node> = separated(1.., every, token("||")).parse_next(input)?;
    Ok(if all.len() == 1 { all.remove(0) } else { Node::Any(all) })
}

fn every(input: &mut Input<'_>) -> ModalResult<Node> {
    let mut all: Vec<Node> = separated(1.., unary, token("&&")).parse_next(input)?;
    Ok(if all.len() == 1 { all.remove(0) } else { Node::All(all) })
}

fn unary(input: &mut Input<'_>) -> ModalResult<Node> {
    let negation = ('!', not('='), multispace0);
    alt((
        preceded(negation, unary).map(|n| Node::Not(Box::new(n))),
        delimited(('(', multispace0), any, (multispace0, ')')),
        comparison,
    ))
    .parse_next(input)
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Node> {
    let left = operand.parse_next(input)?;
    let right = opt((alt((token("==").value(true), token("!=").value(false))), operand)).parse_next(input)?;
    Ok(match right {
        None => Node::Truth(left),
        Some((true, right)) => Node::Equal(left, right),
        Some((false, right)) => Node::Not(Box::new(Node::Equal(left, right))),
    })
}

fn operand(input: &mut Input<'_>) -> ModalResult<Operand> {
    let name =
        (one_of(|c: char| c.is_ascii_alphabetic()), take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '-'));
    alt((
        delimited('\'', take_while(0.., |c| c != '\''), '\'').map(|t: &str| Operand::Text(t.to_owned())),
        name.take().with_span().map(|(t, span): (&str, _)| Operand::Name(t.to_owned(), span)),
    ))
    .parse_next(input)
}

fn token<'a>(
    text: &'static str,
) -> impl Parser<Input<'a>, &'a str, winnow::error::ErrMode<winnow::error::ContextError>> {
    delimited(multispace0, text, multispace0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let facts = [
            ("in-container", "true"),
            ("network-mode", "bridge"),
            ("ci", "none"),
            ("offline", "false"),
            ("wsl", "unknown"),
        ];
        let facts = facts.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        When::parse(text).unwrap().holds(&facts)
    }

    #[test]
    fn conditions_hold_or_not() {
        assert!(holds("in-container && network-mode != 'host'"));
        assert!(holds(" ( offline || in-container ) && !( network-mode=='host' ) "));
        assert!(holds("offline == false") && holds("in-container == true"));
        assert!(!holds("!in-container"));
        assert!(!holds("ci") && !holds("missing"), "none and missing facts are not true");
        assert!(!holds("wsl") && holds("!wsl"), "what is unknown is not true");
        assert!(holds("offline || in-container && !offline"), "&& binds tighter than ||");
        assert!(holds("'a' == 'a'") && holds("missing == ''"));
    }

    #[test]
    fn what_is_wrong_is_placed() {
        let error = |text: &str| When::parse(text).map(|_| ()).map_err(|e| (e.offset, e.message)).unwrap_err();
        assert_eq!(error("network-mode = 'host'"), (13, "compares with `=`; write `==`".into()));
        assert_eq!(error("in-container &&").1, "cannot be read from `&&` on");
        assert_eq!(error("(a || b").1, "leaves a parenthesis open");
        assert_eq!(error("").1, "ends too early");
        assert!(error(&"(".repeat(5000)).1.contains("longer"));
    }

    #[test]
    fn names_have_their_places() {
        let when = When::parse("in-container && os == 'linux' || true").unwrap();
        assert_eq!(when.names(), [("in-container", 0..12), ("os", 16..18)]);
    }

    #[test]
    fn nesting_to_the_limit_is_read() {
        let text = format!("{}os{}", "(".repeat(499), ")".repeat(499));
        assert!(When::parse(&text).is_ok());
    }
}
