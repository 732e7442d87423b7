//! Names as the search compares them: one spelling for every case, accent and alphabet.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Profile;

/// The longest folded name in characters: the rest of a name does not count in a search.
const MAX_CHARS: usize = 80;

/// Folds a name: lower case, without accents, Cyrillic in Latin letters, words separated by one space.
///
/// Each letter is folded by itself, so a prefix of a name folds to a prefix of the folded name. `Ștefan` and `STEFAN` fold to
/// `stefan`, `Алёна` and `Alena` to `alena`.
pub fn fold_name(name: &str) -> String {
    let mut folded = String::new();
    let mut is_after_space = true;
    for letter in name.chars().flat_map(char::to_lowercase).nfd().filter(|letter| !is_combining_mark(*letter)) {
        if letter.is_alphanumeric() {
            match latin(letter) {
                Some(letters) => folded.push_str(letters),
                None => folded.push(letter),
            }
            is_after_space = false;
        } else if !is_dropped(letter) && !is_after_space {
            folded.push(' ');
            is_after_space = true;
        }
    }
    folded.chars().take(MAX_CHARS).collect::<String>().trim_end().to_owned()
}

/// Apostrophes join: `D'Angelo` and `Dangelo` are one name. Other punctuation separates words.
const fn is_dropped(letter: char) -> bool {
    matches!(letter, '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '.')
}

/// The Latin letters for a letter that has no Latin base of its own.
const fn latin(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' | 'đ' | 'ð' => "d",
        'е' | 'э' => "e",
        'є' => "ie",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' | 'ı' => "i",
        'ј' => "j",
        'к' => "k",
        'л' | 'ł' => "l",
        'м' => "m",
        'н' => "n",
        'о' | 'ø' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "h",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ы' => "y",
        'ю' => "iu",
        'я' => "ia",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

impl Profile {
    /// The folded names by which the member is found: first name first, and last name first.
    pub fn folded_names(&self) -> Vec<String> {
        let (first, last) = (self.first_name.as_deref(), self.last_name.as_deref());
        let both = |one: Option<&str>, other: Option<&str>| {
            fold_name(&[one, other].into_iter().flatten().collect::<Vec<_>>().join(" "))
        };
        let mut names = vec![both(first, last), both(last, first)];
        names.dedup();
        names.retain(|name| !name.is_empty());
        names
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::member::MemberRef;

    #[test]
    fn spellings_of_a_name_are_one() {
        for (name, folded) in [
            ("Ștefan", "stefan"),
            ("Şţefania", "stefania"),
            ("Țărîță", "tarita"),
            ("ȚEPEȘ", "tepes"),
            ("Niccolò", "niccolo"),
            ("Алёна", "alena"),
            ("Алена", "alena"),
            ("Андрей Щукин", "andrei shchukin"),
            ("ЮЛИЯ", "iuliia"),
            ("Игорь", "igor"),
            ("D'Angelo", "dangelo"),
            ("D’Angelo", "dangelo"),
            ("  Ana-Maria   Popescu ", "ana maria popescu"),
            ("Øystein Weiß", "oystein weiss"),
            ("J. R. Smith", "j r smith"),
            ("#%%", ""),
            ("李雷", "李雷"),
        ] {
            assert_eq!(fold_name(name), folded, "{name}");
        }
    }

    #[test]
    fn a_member_is_found_by_either_name() {
        let mut profile = Profile::new(&MemberRef::default(), Timestamp::UNIX_EPOCH);
        assert!(profile.folded_names().is_empty());
        profile.first_name = Some("Ion".to_owned());
        assert_eq!(profile.folded_names(), ["ion"]);
        profile.last_name = Some("Țurcanu".to_owned());
        assert_eq!(profile.folded_names(), ["ion turcanu", "turcanu ion"]);
    }

    proptest! {
        #[test]
        fn a_prefix_folds_to_a_prefix(name in "[a-zA-ZăâîșțȘȚа-яА-ЯёЁ'#%-]{0,20}( [a-zàèșа-я]{1,10})?", length in 0_usize..20) {
            let prefix: String = name.chars().take(length).collect();
            prop_assert!(fold_name(&name).starts_with(&fold_name(&prefix)), "{name} {prefix}");
        }

        #[test]
        fn folding_twice_changes_nothing(name in "\\PC{0,40}") {
            let folded = fold_name(&name);
            prop_assert_eq!(fold_name(&folded), folded);
        }
    }
}
