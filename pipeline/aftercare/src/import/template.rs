//! Templates: text with `{name}` placeholders, where a name is a column of the file or an earlier value.

/// The names that the templates of one mapping use, in order of first use, and where each was used first.
#[derive(Default)]
pub(super) struct Names {
    names: Vec<(String, String)>,
    values: Vec<String>,
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The n-th column that the mapping uses.
    Column(usize),
    /// The n-th `[[value]]` of the mapping.
    Value(usize),
}

impl Names {
    /// Declares the next `[[value]]`; its name must be new.
    pub(super) fn declare(&mut self, name: &str) -> Result<(), String> {
        if self.values.iter().any(|v| v == name) {
            return Err(format!("the value `{name}` is declared twice"));
        }
        if let Some((_, place)) = self.names.iter().find(|(n, _)| n == name) {
            return Err(format!(
                "`{name}` was used before, as a column, by {place}; declare values before use"
            ));
        }
        self.values.push(name.to_owned());
        Ok(())
    }

    /// The columns that a file must have, with the place of the mapping that first names each.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(|(name, place)| (name.as_str(), place.as_str()))
    }

    fn slot(&mut self, name: &str, place: &str) -> Slot {
        if let Some(at) = self.values.iter().position(|v| v == name) {
            return Slot::Value(at);
        }
        let at = self.names.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            self.names.push((name.to_owned(), place.to_owned()));
            self.names.len() - 1
        });
        Slot::Column(at)
    }
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template {
    /// Literal text before each placeholder, and the placeholder.
    parts: Vec<(String, Slot)>,
    tail: String,
}

impl Template {
    /// Parses `text`; `{{` and `}}` stand for the braces themselves.
    pub(super) fn parse(text: &str, names: &mut Names, place: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.peek() == Some(&c) => {
                    literal.push(c);
                    rest.next();
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => return Err("a `{` is never closed".to_owned()),
                        }
                    }
                    if name.is_empty() {
                        return Err("`{}` names no column".to_owned());
                    }
                    parts.push((std::mem::take(&mut literal), names.slot(&name, place)));
                }
                '}' => return Err("a `}` without its `{`; write `}}` for the character".to_owned()),
                c => literal.push(c),
            }
        }
        Ok(Self { parts, tail: literal })
    }

    /// The text, or `None` when a placeholder has no value in this line.
    pub(super) fn render<'a>(&self, get: impl Fn(Slot) -> Option<&'a str>) -> Option<String> {
        let mut out = String::new();
        for (literal, slot) in &self.parts {
            out.push_str(literal);
            out.push_str(get(*slot)?);
        }
        out.push_str(&self.tail);
        Some(out)
    }
}
