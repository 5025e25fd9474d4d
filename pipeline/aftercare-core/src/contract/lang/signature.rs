//! Signatures of functions, read from the text that the documentation shows.

use super::typed::{Typed, fits};
use super::types::{Type, parse_type};

/// What a parameter takes. A letter stands for one type throughout a signature: `T` any but lists, `S` what can be equal
/// (no record), `O` what has an order (no bool either), `N` int, decimal or money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exactly(Type),
    Letter(u8),
    ListOf(u8),
}

/// A function's parameters and result.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) params: Vec<Pattern>,
    pub(super) result: Pattern,
}

/// Which types the letters of a signature stand for: at most two letters in one signature.
type Letters = [Option<(u8, Type)>; 2];

impl Signature {
    /// Reads `first(list(T)) -> T`: the name and the signature.
    pub(super) fn read(text: &str) -> Option<(&str, Signature)> {
        let (call, result) = text.split_once(" -> ")?;
        let (name, params) = call.strip_suffix(')')?.split_once('(')?;
        let params =
            params.split(", ").filter(|param| !param.is_empty()).map(pattern).collect::<Option<_>>()?;
        Some((name, Signature { params, result: pattern(result)? }))
    }

    /// The types of the parameters and of the result for these arguments; `None` where the signature doesn't take them.
    pub(super) fn of(&self, arguments: &[Typed]) -> Option<(Vec<Type>, Type)> {
        if self.params.len() != arguments.len() {
            return None;
        }
        let mut letters = Letters::default();
        for (param, argument) in self.params.iter().zip(arguments).filter(|(_, argument)| argument.has_type())
        {
            match (param, &argument.ty) {
                (Pattern::ListOf(letter), Type::List(element)) => learn(&mut letters, *letter, element),
                (Pattern::Letter(letter), ty) => learn(&mut letters, *letter, ty),
                _ => {}
            }
        }
        let params = self.params.iter().map(|param| resolved(param, &letters)).collect::<Option<Vec<_>>>()?;
        let taken = params.iter().zip(arguments).all(|(param, argument)| fits(argument, param));
        Some((params, resolved(&self.result, &letters)?)).filter(|_| taken)
    }
}

/// What a letter stands for: the first type met, but a decimal rather than an int, and money rather than a 0 (which is
/// an int so far).
fn learn(letters: &mut Letters, letter: u8, ty: &Type) {
    for entry in letters {
        match entry {
            Some((known, seen)) if *known == letter => {
                if *seen == Type::Int && ty.is_number() {
                    *seen = ty.clone();
                }
                return;
            }
            Some(_) => {}
            None => {
                *entry = Some((letter, ty.clone()));
                return;
            }
        }
    }
}

fn resolved(pattern: &Pattern, letters: &Letters) -> Option<Type> {
    let letter_type = |letter: u8| {
        // no argument has a type of its own: null, or an empty list
        let found = letters.iter().flatten().find(|(known, _)| *known == letter);
        let ty = found.map_or(Type::Int, |(_, ty)| ty.clone());
        let may = match letter {
            b'S' => ty.is_scalar(),
            b'O' => ty.is_ordered(),
            b'N' => ty.is_number(),
            _ => !matches!(ty, Type::List(_)),
        };
        may.then_some(ty)
    };
    match pattern {
        Pattern::Exactly(ty) => Some(ty.clone()),
        Pattern::Letter(letter) => letter_type(*letter),
        Pattern::ListOf(letter) => letter_type(*letter).map(Type::list),
    }
}

fn pattern(text: &str) -> Option<Pattern> {
    match text.as_bytes() {
        [letter @ (b'T' | b'S' | b'O' | b'N')] => Some(Pattern::Letter(*letter)),
        [b'l', b'i', b's', b't', b'(', letter @ (b'T' | b'S' | b'O' | b'N'), b')'] => {
            Some(Pattern::ListOf(*letter))
        }
        _ => parse_type(text, &|_| None).map(Pattern::Exactly),
    }
}
