//! Converters that read messages of protocols: FIX, MQTT.
//!
//! Each looks at the first message only. One that is not whole yet has no value, so that a rule which
//! asks for it waits.

mod fix;
mod mqtt;

use crate::pure::sample::value::{Kind, Value};

/// What is asked of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `fix_is_valid`.
    FixIsValid,
    /// `fix_tag_value(tag)`.
    FixTag(u32),
    /// `mqtt_is_valid`.
    MqttIsValid,
    /// `mqtt_field_value(packet,field)`.
    MqttField(mqtt::Packet, mqtt::Field),
}

impl Protocol {
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        Some(match (name, args) {
            ("fix_is_valid", _) => super::no_args(args).map(|()| Self::FixIsValid),
            ("mqtt_is_valid", _) => super::no_args(args).map(|()| Self::MqttIsValid),
            ("fix_tag_value", [tag]) => fix::tag(tag).map(Self::FixTag),
            ("fix_tag_value", _) => Err("it takes the name or the number of a tag".to_owned()),
            ("mqtt_field_value", [packet, field]) => mqtt::Packet::parse(packet)
                .and_then(|packet| Ok(Self::MqttField(packet, packet.field(field)?))),
            ("mqtt_field_value", _) => Err("it takes a packet and a field of it".to_owned()),
            _ => return None,
        })
    }

    pub(super) const fn output(self) -> Kind {
        match self {
            Self::FixIsValid | Self::MqttIsValid => Kind::Bool,
            Self::FixTag(_) => Kind::Bin,
            Self::MqttField(..) => Kind::Str,
        }
    }

    pub(super) fn apply(self, bytes: &[u8]) -> Option<Value> {
        match self {
            Self::FixIsValid => fix::is_valid(bytes).map(Value::Bool),
            Self::FixTag(tag) => fix::find(bytes, tag).map(|value| Value::Bin(value.to_vec())),
            Self::MqttIsValid => mqtt::is_valid(bytes).map(Value::Bool),
            Self::MqttField(packet, field) => mqtt::value(bytes, packet, field).map(Value::Str),
        }
    }
}
