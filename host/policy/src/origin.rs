use seaworthy_model::SourceLocation;
use std::borrow::Cow;
use std::sync::Arc;

/// Which layer of the policy a value comes from, lowest first. A higher layer
/// replaces a lower one, value by value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The tool's own default.
    BuiltIn,
    /// The embedded suite.
    Embedded,
    /// The policy file.
    File,
    /// A profile of the policy file, by name.
    Profile(String),
    /// An environment variable, by name.
    Environment(String),
    /// A flag of the command line, as typed.
    Flag(String),
}

/// A stretch of a file: where it begins and how many characters it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file, as given; shared by all its places, of which there is one for every value.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters on that line.
    pub width: usize,
}

impl Place {
    /// Where it begins, as reports name it.
    pub(crate) fn location(&self) -> SourceLocation {
        SourceLocation { file: self.file.as_ref().into(), line: self.line, column: self.column }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which layer set it.
    pub layer: Layer,
    /// Where it is written, for the layers that are text.
    pub place: Option<Place>,
}

impl Origin {
    /// The tool's own default.
    pub(crate) fn built_in() -> Self {
        Self { layer: Layer::BuiltIn, place: None }
    }

    /// A flag of the command line.
    pub(crate) fn flag(name: &str) -> Self {
        Self { layer: Layer::Flag(name.into()), place: None }
    }

    /// Whether it was given for this run alone: by a flag or the environment.
    pub(crate) fn is_for_this_run(&self) -> bool {
        matches!(self.layer, Layer::Environment(_) | Layer::Flag(_))
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.layer {
            Layer::BuiltIn => return f.write_str("built in"),
            Layer::Environment(name) => return write!(f, "environment {name}"),
            Layer::Flag(flag) => return f.write_str(flag),
            Layer::Profile(name) => write!(f, "profile {name}, ")?,
            Layer::Embedded | Layer::File => {}
        }
        match &self.place {
            Some(place) => write!(f, "{}:{}", place.file, place.line),
            None => f.write_str("file"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> At<T> {
    /// A value that the tool itself sets when nobody else does.
    pub(crate) fn built_in(value: T) -> Self {
        Self { value, origin: Origin::built_in() }
    }

    /// Where it is written.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.origin.place.as_ref()
    }
}

/// In the published schema a value stands for itself; its place is not written.
impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
