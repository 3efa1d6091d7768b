use super::{OneOrMany, reference};
use crate::error::ErrorKind;
use crate::origin::At;
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{self, Choice};
use schemars::JsonSchema;
use seaworthy_model::Environment;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

/// A typed value from a named place.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VarBlock {
    /// Environment variables to take it from; the first that is set and not empty wins.
    #[schemars(with = "Option<OneOrMany>")]
    pub env: Option<At<Vec<String>>>,
    /// What it is.
    #[schemars(rename = "type")]
    pub kind: At<VarType>,
    /// Between the elements of a list; a comma when not given.
    pub separator: Option<At<String>>,
    /// Its value when no variable is set. Not for secrets.
    pub default: Option<At<Value>>,
    /// For a secret: the name under which checks and adapters may use it; its own name when not given.
    pub label: Option<At<String>>,
}

/// What a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum VarType {
    /// Addresses of libp2p peers. Each is judged by the checks, not here.
    MultiaddrList,
    /// 1 to 65535.
    Port,
    /// An absolute URL.
    Url,
    /// Used by label only; its text never reaches a component or a report.
    Secret,
    /// Any text.
    String,
    /// `true` or `false`.
    Bool,
    /// With its unit.
    Duration,
    /// A path, relative to the file.
    Path,
    /// Texts.
    List,
}

impl Choice for VarType {
    const ALL: &'static [(&'static str, Self)] = &[
        ("multiaddr-list", Self::MultiaddrList),
        ("port", Self::Port),
        ("url", Self::Url),
        ("secret", Self::Secret),
        ("string", Self::String),
        ("bool", Self::Bool),
        ("duration", Self::Duration),
        ("path", Self::Path),
        ("list", Self::List),
    ];
}

impl VarType {
    /// Whether it holds several texts.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self, VarType::MultiaddrList | VarType::List)
    }

    /// Reads a text of the environment. *Errors*: what would be accepted.
    pub(crate) fn read(self, text: &str, separator: &str) -> Result<Value, &'static str> {
        match self {
            VarType::MultiaddrList | VarType::List => {
                Ok(text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect())
            }
            VarType::Port => match text.trim().parse::<u16>() {
                Ok(port) if port > 0 => Ok(Value::from(port)),
                _ => Err("a port from 1 to 65535"),
            },
            VarType::Url => {
                url::Url::parse(text.trim()).map(|_| Value::from(text.trim())).map_err(|_| "an absolute URL")
            }
            VarType::Bool => text.trim().parse::<bool>().map(Value::from).map_err(|_| "true or false"),
            VarType::Duration => match scalar::parse_duration(text) {
                Some(_) => Ok(Value::from(text.trim())),
                None => Err("a duration with its unit, such as \"5s\""),
            },
            VarType::String | VarType::Path | VarType::Secret => Ok(Value::from(text)),
        }
    }

    /// Whether a default written in the file is of this type. *Errors*: what would be accepted.
    fn accept(self, value: Value) -> Result<Value, &'static str> {
        match (self, value) {
            (VarType::MultiaddrList | VarType::List, Value::Array(all)) if all.iter().all(Value::is_string) => {
                Ok(Value::Array(all))
            }
            (VarType::MultiaddrList | VarType::List, _) => Err("a list of strings"),
            (VarType::Port, Value::Number(n)) => self.read(&n.to_string(), ""),
            (VarType::Port, _) => Err("a port from 1 to 65535, without quotes"),
            (VarType::Bool, Value::Bool(truth)) => Ok(Value::Bool(truth)),
            (VarType::Bool, _) => Err("true or false, without quotes"),
            (_, Value::String(text)) => self.read(&text, ""),
            _ => Err("a string"),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<VarBlock> {
    let mut block = Block::of(format!("[vars.{name}]"), value, reader)?;
    let before = reader.errors.len();
    let env = block.opt(reader, "env", scalar::one_or_many);
    let kind = block.req(reader, "type", "say what it is: `type = \"string\"`", scalar::choice::<VarType>);
    let separator = block.opt(reader, "separator", scalar::prose);
    let label = block.opt(reader, "label", scalar::prose);
    let secret = kind.as_ref().is_some_and(|k| k.value == VarType::Secret);
    let default = block.opt(reader, "default", |v| {
        if secret && reference(v).is_err() {
            return Err(Wrong::value("writes a secret down")
                .kind(ErrorKind::SecretLiteral)
                .help("remove it; a secret comes from the environment variable that `env` names"));
        }
        let Some(kind) = kind.as_ref() else { return scalar::json(v) };
        kind.value.accept(scalar::json(v)?).map_err(|wanted| Wrong::value(format!("takes {wanted}")))
    });
    block.finish(reader);
    let kind = kind?;
    let mut say = |at: &At<VarType>, kind: ErrorKind, message: String, help: String| {
        let error = crate::error::PolicyError::new(kind, at.place(), message);
        reader.errors.push(error.help(help));
    };
    if secret && env.is_none() {
        let help = format!("write `{name} = {{ env = \"NAME\", type = \"secret\" }}`");
        say(
            &kind,
            ErrorKind::MissingKey,
            format!("secret `{name}` does not say which environment variable holds it"),
            help,
        );
    }
    if !secret && let Some(leak) = env.iter().flat_map(|e| &e.value).find(|e| Environment::is_secret_name(e)) {
        let message = format!("`{name}` takes {leak}, which is a secret by its name, as ordinary text");
        say(&kind, ErrorKind::BadValue, message, "use `type = \"secret\"`".into());
    }
    if let (false, Some(label)) = (secret, &label) {
        let error = crate::error::PolicyError::new(ErrorKind::BadValue, label.place(), "`label` is for secrets only");
        reader.errors.push(error.help("remove it, or use `type = \"secret\"`"));
    }
    (reader.errors.len() == before).then_some(VarBlock { env, kind, separator, default, label })
}
