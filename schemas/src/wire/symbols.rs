//! Enums whose values are the symbols of an Avro enum.

/// Declares an enum with, per value, the index of its symbol in the newest schema, its name and its symbol.
/// It is written by index and read by symbol. The value after `else` takes the symbols not listed.
macro_rules! symbols {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($at:literal $value:ident $symbol:literal,)*
            $(else $other_at:literal $other:ident $other_symbol:literal,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
        pub enum $name {
            $(#[serde(rename = $symbol)] $value = $at,)*
            $(#[serde(other)] $other = $other_at,)?
        }

        impl $name {
            /// Every value, in the order of the symbols.
            pub const ALL: [Self; [$($other_symbol,)? $($symbol,)*].len()] =
                [$(Self::$other,)? $(Self::$value,)*];

            /// The word for it on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $symbol,)*
                    $(Self::$other => $other_symbol,)?
                }
            }

            /// The index of its symbol in the newest schema.
            #[must_use]
            pub const fn index(self) -> u32 {
                match self {
                    $(Self::$value => $at,)*
                    $(Self::$other => $other_at,)?
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_unit_variant(stringify!($name), self.index(), self.as_str())
            }
        }
    };
}

pub(super) use symbols;
