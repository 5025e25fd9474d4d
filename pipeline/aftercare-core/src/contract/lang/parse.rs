//! From text to a syntax tree with places.

use cel::common::ast::{Expr, IdedExpr, SourceInfo};
use cel::{Env, ParseError};

/// Bytes of one expression: what the parser takes on a thread's usual stack, whatever it holds.
pub(super) const SOURCE_MAX: usize = 4_000;

/// A syntax tree and where its parts stand in the text.
pub(super) struct Parsed<'s> {
    pub(super) tree: IdedExpr,
    text: &'s str,
    info: SourceInfo,
}

/// Something wrong at a character, counted from 1.
pub(super) type Wrong = (usize, String);

/// Parses an expression; list functions such as `filter` stay the calls they are written as.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, Vec<Wrong>> {
    if text.len() > SOURCE_MAX {
        return Err(vec![(1, format!("the expression has more than {SOURCE_MAX} bytes; name its parts"))]);
    }
    match Env::default().with_optional_support(false).parser().parse_with_source_info(text) {
        Ok((tree, info)) => Ok(Parsed { tree, text, info }),
        // what is wrong after the first mistake mostly follows from it
        Err(errors) => Err(errors.errors.iter().take(1).map(|error| wording(text, error)).collect()),
    }
}

impl Parsed<'_> {
    /// The character, counted from 1, where an expression stands: of a call its name, of a field the field's name, of an
    /// operation the operator.
    pub(super) fn at(&self, expr: &IdedExpr) -> usize {
        let Some((start, _)) = self.info.offset_for(expr.id) else { return 1 };
        let start = usize::try_from(start).unwrap_or(0).min(self.text.len());
        let (before, from) = (self.text.get(..start).unwrap_or(""), self.text.get(start..).unwrap_or(""));
        let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let byte = match &expr.expr {
            // the place is that of the parenthesis
            Expr::Call(call) if call.func_name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                before.trim_end().trim_end_matches(is_word).len()
            }
            // the place is that of the point
            Expr::Select(_) => start + from.find(is_word).unwrap_or(0),
            _ => start,
        };
        self.text.get(..byte).map_or(0, |before| before.chars().count()) + 1
    }
}

fn wording(text: &str, error: &ParseError) -> Wrong {
    let (line, column) = error.pos;
    let lines_before = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(lines_before).map(|line| line.chars().count()).sum();
    let at = before + usize::try_from(column).unwrap_or(1).max(1);
    let raw = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let raw = raw.split(" expecting ").next().unwrap_or(raw);
    let message = if raw.contains("Recursion limit") || raw == "UNKNOWN" {
        "the expression is nested too deeply".to_owned()
    } else if raw.contains("<EOF>") {
        "something is missing at the end".to_owned()
    } else if let Some(what) = raw.strip_prefix("mismatched input ").or(raw.strip_prefix("extraneous input "))
    {
        format!("{what} is not expected here")
    } else if let Some(what) = raw.strip_prefix("token recognition error at: ") {
        format!("{what} is no part of the language")
    } else {
        raw.to_owned()
    };
    (at, message)
}
