//! The two fonts: widths, glyphs, and the part of them that a document needs.

use std::collections::BTreeMap;

use subsetter::{GlyphRemapper, subset};
use ttf_parser::Face;

use crate::ExportError;

/// Latin, Chinese (all of GB 2312) and currencies.
const REGULAR: &[u8] = include_bytes!("../../fonts/NotoSansSC-Regular.ttf");
/// Latin, and the Chinese characters of headings.
const BOLD: &[u8] = include_bytes!("../../fonts/NotoSansSC-Bold.ttf");

/// Which font.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Both fonts.
pub(super) struct Fonts {
    pub(super) regular: Typeface,
    pub(super) bold: Typeface,
}

/// One font, and what of it has been used.
pub(super) struct Typeface {
    pub(super) face: Face<'static>,
    data: &'static [u8],
    remapper: GlyphRemapper,
    /// By glyph of the part: the character that it stands for.
    pub(super) used: BTreeMap<u16, char>,
}

impl Fonts {
    pub(super) fn load() -> Result<Fonts, ExportError> {
        Ok(Fonts { regular: Typeface::load(REGULAR)?, bold: Typeface::load(BOLD)? })
    }

    /// Bold only where the font has all characters; the regular one has more.
    pub(super) fn weight(&self, wanted: Weight, text: &str) -> Weight {
        let has = |c| self.bold.face.glyph_index(c).is_some();
        if wanted == Weight::Bold && text.chars().all(has) { Weight::Bold } else { Weight::Regular }
    }

    pub(super) fn of(&self, weight: Weight) -> &Typeface {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    pub(super) fn of_mut(&mut self, weight: Weight) -> &mut Typeface {
        match weight {
            Weight::Regular => &mut self.regular,
            Weight::Bold => &mut self.bold,
        }
    }

    /// Points that a text takes in a weight that [`weight`](Self::weight) gave.
    pub(super) fn width(&self, weight: Weight, size: f32, text: &str) -> f32 {
        text.chars().map(|c| self.of(weight).advance(c)).sum::<f32>() * size
    }

    /// Whether every character can be shown.
    pub(super) fn check(&self, place: &'static str, text: &str) -> Result<(), ExportError> {
        match text.chars().find(|c| self.regular.face.glyph_index(*c).is_none()) {
            None => Ok(()),
            Some(character) => Err(ExportError::Glyph { place, character: u32::from(character) }),
        }
    }
}

impl Typeface {
    fn load(data: &'static [u8]) -> Result<Typeface, ExportError> {
        let face = Face::parse(data, 0).map_err(ExportError::format("PDF"))?;
        Ok(Typeface { face, data, remapper: GlyphRemapper::new(), used: BTreeMap::new() })
    }

    /// Of the size of the font.
    pub(super) fn advance(&self, c: char) -> f32 {
        let glyph = self.face.glyph_index(c).and_then(|glyph| self.face.glyph_hor_advance(glyph));
        f32::from(glyph.unwrap_or(0)) / f32::from(self.face.units_per_em())
    }

    /// The text as glyphs of the part, two bytes each.
    pub(super) fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * text.len());
        for c in text.chars() {
            let Some(glyph) = self.face.glyph_index(c) else { continue };
            let own = self.remapper.remap(glyph.0);
            self.used.insert(own, c);
            bytes.extend(own.to_be_bytes());
        }
        bytes
    }

    /// The part of the font that has been used.
    pub(super) fn part(&self) -> Result<Vec<u8>, ExportError> {
        subset(self.data, 0, &self.remapper).map_err(ExportError::format("PDF"))
    }
}
