//! Checked parts of an expression and the types they fit.

use super::eval::Node;
use super::exact::Exact;
use super::types::{Type, Value};

/// A checked part of an expression.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) ty: Type,
    pub(super) looseness: Looseness,
    pub(super) at: usize,
}

/// What may stand for other types than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looseness {
    None,
    /// A 0 written down: also no money.
    Zero,
    /// `null`: absent of any type.
    Null,
    /// `[]`: a list of anything.
    Empty,
}

/// Whether an expression may stand where the type is wanted.
pub(super) fn fits(typed: &Typed, wanted: &Type) -> bool {
    match (typed.looseness, wanted) {
        (Looseness::Null, _) | (Looseness::Empty, Type::List(_)) | (Looseness::Zero, Type::Money) => true,
        (_, Type::Decimal) => matches!(typed.ty, Type::Int | Type::Decimal),
        _ => typed.ty == *wanted,
    }
}

impl Typed {
    /// Whether it is of one type only.
    pub(super) fn has_type(&self) -> bool {
        !matches!(self.looseness, Looseness::Null | Looseness::Empty)
    }

    /// Whether it takes its type from the other side of `+` or `-`.
    pub(super) fn is_loose(&self) -> bool {
        matches!(self.looseness, Looseness::Zero | Looseness::Empty)
    }

    /// The type in words.
    pub(super) fn words(&self) -> String {
        match self.looseness {
            Looseness::Null => "null".to_owned(),
            Looseness::Empty => "an empty list".to_owned(),
            Looseness::None | Looseness::Zero => self.ty.to_string(),
        }
    }

    /// As the type, which it fits.
    pub(super) fn into_type(self, wanted: &Type) -> Typed {
        let node = match (self.looseness, self.node, wanted) {
            (Looseness::Null, node, _) => node,
            (_, _, Type::Money) if self.looseness == Looseness::Zero => {
                Node::Const(Value::Money(Exact::ZERO))
            }
            (_, Node::Const(Value::Int(number)), Type::Decimal) => {
                Node::Const(Value::Decimal(Exact::whole(number)))
            }
            (_, node, Type::Decimal) if self.ty == Type::Int => Node::ToDecimal(Box::new(node)),
            (_, node, _) => node,
        };
        Typed { node, ty: wanted.clone(), looseness: Looseness::None, at: self.at }
    }
}

/// The type that all of them fit, if one of them says which.
pub(super) fn common(all: &[Typed]) -> Option<Type> {
    let candidates = all.iter().filter(|typed| typed.has_type());
    let mut tied = candidates.map(|typed| &typed.ty).filter(|ty| all.iter().all(|typed| fits(typed, ty)));
    tied.next().cloned()
}

pub(super) fn known(value: Typed, at: usize) -> Option<Typed> {
    let node = Node::Known(Box::new(value.node));
    Some(Typed { node, ty: Type::Bool, looseness: Looseness::None, at })
}
