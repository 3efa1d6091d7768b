use super::kebab;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::{self, Impossible};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A value of the contract as JSON.
pub(crate) fn written<T: Serialize + ?Sized>(value: &T) -> Value {
    // Nothing of the contract is refused; a shape that came to be would be, and shows.
    value.serialize(Writer).map_or_else(|unknown| json!(unknown.to_string()), Piece::json)
}

/// A value on its way: what a list is depends on what its elements are.
enum Piece {
    Byte(u8),
    /// A tuple of two texts.
    Pair(String, String),
    Json(Value),
}

impl Piece {
    fn json(self) -> Value {
        match self {
            Self::Byte(byte) => byte.into(),
            Self::Pair(key, value) => json!([key, value]),
            Self::Json(value) => value,
        }
    }
}

#[derive(Debug)]
struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

impl ser::Error for Unknown {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unknown<T>(what: &str) -> Result<T, Unknown> {
    Err(Unknown(format!("the contract has no {what}")))
}

struct Writer;

macro_rules! numbers {
    ($($function:ident: $type:ty),*) => {
        $(fn $function(self, value: $type) -> Result<Piece, Unknown> {
            Ok(Piece::Json(value.into()))
        })*
    };
}

impl ser::Serializer for Writer {
    type Ok = Piece;
    type Error = Unknown;
    type SerializeSeq = List;
    type SerializeTuple = Tuple;
    type SerializeTupleStruct = Impossible<Piece, Unknown>;
    type SerializeTupleVariant = Impossible<Piece, Unknown>;
    type SerializeMap = Impossible<Piece, Unknown>;
    type SerializeStruct = Record;
    type SerializeStructVariant = Impossible<Piece, Unknown>;

    numbers!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
             serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64);

    fn serialize_u8(self, value: u8) -> Result<Piece, Unknown> {
        Ok(Piece::Byte(value))
    }

    fn serialize_char(self, value: char) -> Result<Piece, Unknown> {
        Ok(Piece::Json(value.to_string().into()))
    }

    fn serialize_str(self, value: &str) -> Result<Piece, Unknown> {
        Ok(Piece::Json(value.into()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Piece, Unknown> {
        Ok(Piece::Json(bytes(value)))
    }

    fn serialize_none(self) -> Result<Piece, Unknown> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Piece, Unknown> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Piece, Unknown> {
        Ok(Piece::Json(Value::Null))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Piece, Unknown> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Piece, Unknown> {
        Ok(Piece::Json(kebab(variant).into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Piece, Unknown> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Piece, Unknown> {
        let value = value.serialize(self)?.json();
        Ok(Piece::Json(Value::Object(std::iter::once((kebab(variant), value)).collect())))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Unknown> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Tuple, Unknown> {
        Ok(Tuple(Vec::new()))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unknown> {
        unknown(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unknown> {
        unknown(name)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unknown> {
        unknown("maps")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Record, Unknown> {
        Ok(Record(Map::new()))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unknown> {
        unknown(name)
    }
}

struct List(Vec<Piece>);

impl ser::SerializeSeq for List {
    type Ok = Piece;
    type Error = Unknown;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unknown> {
        self.0.push(value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Result<Piece, Unknown> {
        let bytes_only: Option<Vec<u8>> =
            self.0.iter().map(|piece| if let Piece::Byte(byte) = piece { Some(*byte) } else { None }).collect();
        if let Some(all) = bytes_only.filter(|all| !all.is_empty()) {
            return Ok(Piece::Json(bytes(&all)));
        }
        let keys: Option<BTreeSet<&str>> = self
            .0
            .iter()
            .map(|piece| if let Piece::Pair(key, _) = piece { Some(key.as_str()) } else { None })
            .collect();
        let distinct = keys.is_some_and(|keys| !keys.is_empty() && keys.len() == self.0.len());
        if !distinct {
            return Ok(Piece::Json(self.0.into_iter().map(Piece::json).collect()));
        }
        let pair = |piece| if let Piece::Pair(key, value) = piece { Some((key, Value::String(value))) } else { None };
        Ok(Piece::Json(Value::Object(self.0.into_iter().filter_map(pair).collect())))
    }
}

struct Tuple(Vec<Value>);

impl ser::SerializeTuple for Tuple {
    type Ok = Piece;
    type Error = Unknown;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unknown> {
        self.0.push(value.serialize(Writer)?.json());
        Ok(())
    }

    fn end(self) -> Result<Piece, Unknown> {
        Ok(match self.0.as_slice() {
            [Value::String(key), Value::String(value)] => Piece::Pair(key.clone(), value.clone()),
            _ => Piece::Json(Value::Array(self.0)),
        })
    }
}

struct Record(Map<String, Value>);

impl ser::SerializeStruct for Record {
    type Ok = Piece;
    type Error = Unknown;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unknown> {
        self.0.insert(kebab(name), value.serialize(Writer)?.json());
        Ok(())
    }

    fn end(self) -> Result<Piece, Unknown> {
        Ok(Piece::Json(Value::Object(self.0)))
    }
}

/// Bytes as a text where they are one that can be read, else as base64.
fn bytes(bytes: &[u8]) -> Value {
    let readable = |text: &&str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    match std::str::from_utf8(bytes).ok().filter(readable) {
        Some(text) => text.into(),
        None => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
