//! Interned texts: receipts and rules are compared by number.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::fact::{Line, Receipt};
use crate::rule::{Filter, LineFilter};

/// The number of a text that some rule names.
pub(super) type Word = u32;

/// The word of a text that no rule names.
const UNKNOWN: Word = Word::MAX;

/// The field of a receipt to which a text belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TextField {
    Store,
    Channel,
    Sku,
    Product,
    Category,
    Brand,
    Attribute,
}

const FIELDS: usize = 7;

type Texts = FxHashMap<Box<str>, Word>;

/// All texts that the rules of a program name.
#[derive(Debug, Clone, Default)]
pub(super) struct Dictionary {
    texts: [Texts; FIELDS],
    /// The values of attributes by the attribute's name; their words are unique over all names.
    attributes: FxHashMap<Box<str>, Texts>,
    attribute_values: Word,
}

impl Dictionary {
    fn intern(&mut self, field: TextField, text: &str) -> Word {
        let texts = &mut self.texts[field as usize];
        if let Some(word) = texts.get(text) {
            return *word;
        }
        let next = Word::try_from(texts.len()).unwrap_or(UNKNOWN);
        texts.insert(text.into(), next);
        next
    }

    fn intern_all(&mut self, field: TextField, texts: &[String]) -> Box<[Word]> {
        let mut words: Vec<Word> = texts.iter().map(|text| self.intern(field, text)).collect();
        words.sort_unstable();
        words.dedup();
        words.into()
    }

    fn intern_attribute(&mut self, name: &str, values: &[String]) -> Box<[Word]> {
        let known = self.attributes.entry(name.into()).or_default();
        let mut words = Vec::new();
        for value in values {
            let next = self.attribute_values;
            let word = *known.entry(value.as_str().into()).or_insert(next);
            if word == next {
                self.attribute_values += 1;
            }
            words.push(word);
        }
        words.sort_unstable();
        words.dedup();
        words.into()
    }

    fn word(&self, field: TextField, text: Option<&String>) -> Word {
        let texts = &self.texts[field as usize];
        if texts.is_empty() {
            return UNKNOWN;
        }
        text.and_then(|text| texts.get(text.as_str())).copied().unwrap_or(UNKNOWN)
    }

    /// Interns the texts of a receipt.
    pub(super) fn read(&self, receipt: &Receipt) -> ReceiptWords {
        let mut many = Vec::with_capacity(receipt.lines.iter().map(|line| line.categories.len()).sum());
        let lines: Vec<LineWords> = receipt.lines.iter().map(|line| self.read_line(line, &mut many)).collect();
        let mut by_category: Vec<(Word, usize)> = Vec::with_capacity(many.len());
        for (place, line) in lines.iter().enumerate() {
            let words = many[line.categories.clone()].iter().filter(|word| **word != UNKNOWN);
            by_category.extend(words.map(|word| (*word, place)));
        }
        by_category.sort_unstable();
        by_category.dedup();
        ReceiptWords {
            by_category,
            store: self.word(TextField::Store, receipt.store.as_ref()),
            channel: self.word(TextField::Channel, receipt.channel.as_ref()),
            lines,
            many,
        }
    }

    fn read_line(&self, line: &Line, many: &mut Vec<Word>) -> LineWords {
        let start = many.len();
        if !self.texts[TextField::Category as usize].is_empty() {
            many.extend(line.categories.iter().map(|text| self.word(TextField::Category, Some(text))));
        }
        let middle = many.len();
        if !self.attributes.is_empty() {
            for (name, values) in &line.attributes {
                let Some(known) = self.attributes.get(name.as_str()) else { continue };
                many.extend(values.iter().filter_map(|value| known.get(value.as_str()).copied()));
            }
        }
        LineWords {
            sku: self.word(TextField::Sku, line.sku.as_ref()),
            product: self.word(TextField::Product, line.product.as_ref()),
            brand: self.word(TextField::Brand, line.brand.as_ref()),
            categories: start..middle,
            attributes: middle..many.len(),
        }
    }
}

/// The interned texts of a receipt.
#[derive(Debug, Clone)]
pub struct ReceiptWords {
    store: Word,
    channel: Word,
    lines: Vec<LineWords>,
    /// Categories and attributes of all lines, one after another.
    many: Vec<Word>,
    /// The positions of the lines of each category.
    by_category: Vec<(Word, usize)>,
}

#[derive(Debug, Clone)]
struct LineWords {
    sku: Word,
    product: Word,
    brand: Word,
    categories: Range<usize>,
    attributes: Range<usize>,
}

impl ReceiptWords {
    /// Calls a function once for each distinct word of a field.
    pub(super) fn each(&self, field: TextField, mut call: impl FnMut(Word)) {
        match field {
            TextField::Store => call(self.store),
            TextField::Channel => call(self.channel),
            TextField::Category => {
                let words = self.by_category.chunk_by(|(a, _), (b, _)| a == b).filter_map(|lines| lines.first());
                words.for_each(|(word, _)| call(*word));
            }
            _ => {
                let lines = 0..self.lines.len();
                let mut words: Vec<Word> = lines.flat_map(|line| self.of_line(line, field)).copied().collect();
                words.sort_unstable();
                words.dedup();
                words.into_iter().for_each(call);
            }
        }
    }

    /// The positions of the lines of a category.
    fn of_category(&self, word: Word) -> impl Iterator<Item = usize> {
        let start = self.by_category.partition_point(|(other, _)| *other < word);
        let lines = self.by_category.iter().skip(start).take_while(move |(other, _)| *other == word);
        lines.map(|(_, line)| *line)
    }

    /// The store's word.
    pub(super) const fn store(&self) -> Word {
        self.store
    }

    fn of_line(&self, place: usize, field: TextField) -> &[Word] {
        let Some(line) = self.lines.get(place) else { return &[] };
        match field {
            TextField::Sku => std::slice::from_ref(&line.sku),
            TextField::Product => std::slice::from_ref(&line.product),
            TextField::Brand => std::slice::from_ref(&line.brand),
            TextField::Category => self.many.get(line.categories.clone()).unwrap_or_default(),
            TextField::Attribute => self.many.get(line.attributes.clone()).unwrap_or_default(),
            TextField::Store | TextField::Channel => &[],
        }
    }
}

/// True when a sorted list has a word. Binary search: a filter may list thousands of texts.
fn contains(list: &[Word], word: Word) -> bool {
    list.binary_search(&word).is_ok()
}

/// A compiled filter of receipts.
#[derive(Debug, Clone, Default)]
pub(super) struct ReceiptTest {
    pub stores: Option<Box<[Word]>>,
    stores_not: Box<[Word]>,
    pub channels: Option<Box<[Word]>>,
    pub lines: Option<LineTest>,
}

impl ReceiptTest {
    pub(super) fn new(filter: &Filter, dictionary: &mut Dictionary) -> Self {
        let mut intern = |field, texts: &Option<Vec<String>>| texts.as_ref().map(|t| dictionary.intern_all(field, t));
        Self {
            stores: intern(TextField::Store, &filter.stores),
            stores_not: intern(TextField::Store, &filter.stores_not).unwrap_or_default(),
            channels: intern(TextField::Channel, &filter.channels),
            lines: filter.lines.as_ref().map(|lines| LineTest::new(lines, dictionary)),
        }
    }

    /// True when the store and the channel of the receipt match.
    pub(super) fn admits(&self, words: &ReceiptWords) -> bool {
        self.stores.as_ref().is_none_or(|stores| contains(stores, words.store))
            && !contains(&self.stores_not, words.store)
            && self.channels.as_ref().is_none_or(|channels| contains(channels, words.channel))
    }
}

/// A compiled filter of lines: a line has a word of every wanted list, and of no refused list.
#[derive(Debug, Clone, Default)]
pub(super) struct LineTest {
    wanted: Vec<(TextField, Box<[Word]>)>,
    refused: Vec<(TextField, Box<[Word]>)>,
}

impl LineTest {
    fn new(filter: &LineFilter, dictionary: &mut Dictionary) -> Self {
        let mut intern = |pairs: &[(TextField, &Option<Vec<String>>)]| -> Vec<(TextField, Box<[Word]>)> {
            let there = pairs.iter().filter_map(|(field, texts)| texts.as_ref().map(|texts| (*field, texts)));
            there.map(|(field, texts)| (field, dictionary.intern_all(field, texts))).collect()
        };
        // The most selective first: it decides soonest, and the rule is indexed under it.
        let mut wanted = intern(&[
            (TextField::Sku, &filter.skus),
            (TextField::Product, &filter.products),
            (TextField::Category, &filter.categories),
            (TextField::Brand, &filter.brands),
        ]);
        let refused = intern(&[
            (TextField::Sku, &filter.skus_not),
            (TextField::Category, &filter.categories_not),
            (TextField::Brand, &filter.brands_not),
        ]);
        for (name, values) in &filter.attributes {
            wanted.push((TextField::Attribute, dictionary.intern_attribute(name, values)));
        }
        Self { wanted, refused }
    }

    /// The selected lines, when the filter is one category: by far the most frequent filter.
    pub(super) fn category<'w>(&self, words: &'w ReceiptWords) -> Option<impl Iterator<Item = usize> + use<'w>> {
        match (self.wanted.as_slice(), self.refused.is_empty()) {
            ([(TextField::Category, list)], true) if list.len() == 1 => Some(words.of_category(list[0])),
            _ => None,
        }
    }

    /// True when the filter selects the line.
    pub(super) fn selects(&self, words: &ReceiptWords, place: usize) -> bool {
        let has =
            |field: TextField, list: &[Word]| words.of_line(place, field).iter().any(|word| contains(list, *word));
        self.wanted.iter().all(|(field, list)| has(*field, list))
            && !self.refused.iter().any(|(field, list)| has(*field, list))
    }

    /// The field and words under which the rule is indexed; `None` when any line may match.
    pub(super) fn key(&self) -> Option<(TextField, &[Word])> {
        self.wanted.first().map(|(field, list)| (*field, &**list))
    }
}
