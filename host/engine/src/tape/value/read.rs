use super::kebab;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::{SeqDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer as _, Visitor};
use serde_json::Value;
use std::cell::RefCell;

/// The field of the contract's records that holds the number of an observation.
const ID: &str = "id";

/// Reads a value of the contract. `observed` is given each record that has the field `id`
/// and answers the number that it is to have.
///
/// # Errors
/// Says where the value is not of that shape, and what would be.
pub(crate) fn read<T: DeserializeOwned>(
    value: &Value,
    observed: &mut dyn FnMut(&Value) -> u32,
) -> Result<T, ReadError> {
    T::deserialize(Reader { value: Some(value), at: String::new(), observed: &RefCell::new(observed) })
}

/// A value that is not of the shape that it must have.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ReadError(String);

impl de::Error for ReadError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Observed<'a> = RefCell<&'a mut dyn FnMut(&Value) -> u32>;

#[derive(Clone)]
struct Reader<'a, 'o> {
    /// None where it is left out.
    value: Option<&'a Value>,
    /// Path to it, for messages.
    at: String,
    observed: &'a Observed<'o>,
}

impl<'a, 'o> Reader<'a, 'o> {
    fn within(&self, value: Option<&'a Value>, step: &str) -> Self {
        let at = if self.at.is_empty() || step.starts_with('[') {
            format!("{}{step}", self.at)
        } else {
            format!("{}.{step}", self.at)
        };
        Self { value, at, observed: self.observed }
    }

    fn wrong<T>(&self, wanted: &str) -> Result<T, ReadError> {
        let place = if self.at.is_empty() { String::new() } else { format!("`{}`: ", self.at) };
        match self.value {
            Some(value) => Err(ReadError(format!("{place}{wanted} is wanted here, not {}", shortened(value)))),
            None => Err(ReadError(format!("{place}{wanted} is wanted here"))),
        }
    }

    fn number<N: TryFrom<i128>>(&self) -> Result<N, ReadError> {
        let number = match self.value {
            None | Some(Value::Null) => Some(0),
            Some(Value::Number(number)) => number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from)),
            Some(_) => None,
        };
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => self.wrong("a whole number that fits"),
        }
    }

    fn text(&self) -> Result<String, ReadError> {
        match self.value {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            Some(_) => self.wrong("a text"),
        }
    }
}

fn shortened(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

macro_rules! numbers {
    ($($function:ident $visit:ident: $type:ty),*) => {
        $(fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            visitor.$visit(self.number::<$type>()?)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Reader<'_, '_> {
    type Error = ReadError;

    numbers!(deserialize_i8 visit_i8: i8, deserialize_i16 visit_i16: i16, deserialize_i32 visit_i32: i32,
             deserialize_i64 visit_i64: i64, deserialize_u8 visit_u8: u8, deserialize_u16 visit_u16: u16,
             deserialize_u32 visit_u32: u32, deserialize_u64 visit_u64: u64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None | Some(Value::Null) => visitor.visit_bool(false),
            Some(Value::Bool(flag)) => visitor.visit_bool(*flag),
            Some(_) => self.wrong("`true` or `false`"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value.map(Value::as_f64) {
            None => visitor.visit_f64(0.0),
            Some(Some(number)) => visitor.visit_f64(number),
            Some(None) => self.wrong("a number"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None | Some(Value::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            None | Some(Value::Null) => {
                visitor.visit_seq(SeqDeserializer::<_, ReadError>::new(std::iter::empty::<u8>()))
            }
            Some(Value::Array(items)) => {
                let elements = items.iter().enumerate().map(|(at, item)| self.within(Some(item), &format!("[{at}]")));
                visitor.visit_seq(Elements(elements.collect::<Vec<_>>().into_iter()))
            }
            Some(Value::String(text)) => visitor.visit_seq(SeqDeserializer::new(text.bytes())),
            Some(Value::Object(object)) => match object.get("base64") {
                Some(Value::String(text)) if object.len() == 1 => match STANDARD.decode(text) {
                    Ok(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
                    Err(error) => self.wrong(&format!("base64 ({error})")),
                },
                _ => {
                    let pairs = object.iter().map(|(key, value)| Pair(key, self.within(Some(value), key)));
                    visitor.visit_seq(Pairs(pairs.collect::<Vec<_>>().into_iter()))
                }
            },
            Some(_) => self.wrong("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Some(Value::Array(items)) if items.len() == length => self.deserialize_seq(visitor),
            _ => self.wrong(&format!("a list of {length}")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let nothing = Value::Object(serde_json::Map::new());
        let value = self.value.filter(|value| !value.is_null()).unwrap_or(&nothing);
        let Value::Object(object) = value else { return self.wrong("a record") };
        let known: Vec<String> = fields.iter().map(|field| kebab(field)).collect();
        if let Some(unknown) = object.keys().find(|key| !known.contains(key)) {
            let place = if self.at.is_empty() { String::new() } else { format!("`{}`: ", self.at) };
            return Err(ReadError(format!("{place}there is no field `{unknown}`; there are {}", known.join(", "))));
        }
        let fields = fields.iter().zip(&known).map(|(field, name)| {
            let number = (*field == ID).then(|| (self.observed.borrow_mut())(value));
            let reader = Reader { value: object.get(name), at: String::new(), observed: self.observed };
            let at = if self.at.is_empty() { name.clone() } else { format!("{}.{name}", self.at) };
            (*field, number, Reader { at, ..reader })
        });
        let fields: Vec<_> = fields.collect();
        visitor.visit_map(Fields { rest: fields.into_iter(), next: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let names: Vec<String> = variants.iter().map(|variant| format!("`{}`", kebab(variant))).collect();
        let wanted = names.join(" or ");
        let (name, payload) = match self.value {
            Some(Value::String(name)) => (name, None),
            Some(Value::Object(object)) if object.len() == 1 => match object.iter().next() {
                Some((name, value)) => (name, Some(value)),
                None => return self.wrong(&wanted),
            },
            _ => return self.wrong(&wanted),
        };
        match variants.iter().find(|variant| kebab(variant) == *name) {
            Some(variant) => visitor.visit_enum(Case { variant, payload: self.within(payload, name) }),
            None => self.wrong(&wanted),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ReadError> {
        self.wrong("a shape of the contract")
    }

    serde::forward_to_deserialize_any! { bytes byte_buf tuple_struct map identifier ignored_any }
}

struct Elements<'a, 'o>(std::vec::IntoIter<Reader<'a, 'o>>);

impl<'de> de::SeqAccess<'de> for Elements<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.0.next().map(|reader| seed.deserialize(reader)).transpose()
    }
}

/// An entry of an object, read as a tuple of two.
struct Pair<'a, 'o>(&'a str, Reader<'a, 'o>);

struct Pairs<'a, 'o>(std::vec::IntoIter<Pair<'a, 'o>>);

impl<'de> de::SeqAccess<'de> for Pairs<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.0.next().map(|pair| seed.deserialize(pair)).transpose()
    }
}

impl<'de> de::Deserializer<'de> for Pair<'_, '_> {
    type Error = ReadError;

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        let value = self.1.text()?;
        visitor.visit_seq(SeqDeserializer::new([self.0.to_owned(), value].into_iter()))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ReadError> {
        self.1.wrong("a list, not a table,")
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

type Field<'a, 'o> = (&'static str, Option<u32>, Reader<'a, 'o>);

struct Fields<'a, 'o> {
    rest: std::vec::IntoIter<Field<'a, 'o>>,
    next: Option<(Option<u32>, Reader<'a, 'o>)>,
}

impl<'de> de::MapAccess<'de> for Fields<'_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some((name, number, reader)) = self.rest.next() else { return Ok(None) };
        self.next = Some((number, reader));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        match self.next.take() {
            Some((Some(number), _)) => seed.deserialize(number.into_deserializer()),
            Some((None, reader)) => seed.deserialize(reader),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

struct Case<'a, 'o> {
    variant: &'static str,
    payload: Reader<'a, 'o>,
}

impl<'de, 'a, 'o> de::EnumAccess<'de> for Case<'a, 'o> {
    type Error = ReadError;
    type Variant = Payload<'a, 'o>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), ReadError> {
        let name = StringDeserializer::new(self.variant.to_owned());
        Ok((seed.deserialize(name)?, Payload(self.payload)))
    }
}

struct Payload<'a, 'o>(Reader<'a, 'o>);

impl<'de> de::VariantAccess<'de> for Payload<'_, '_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, ReadError> {
        self.0.wrong("a shape of the contract")
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, ReadError> {
        self.0.wrong("a shape of the contract")
    }
}
