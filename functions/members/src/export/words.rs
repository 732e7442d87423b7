//! The words of the page, in four languages.

use tessera_domain::locale::{SENTENCE_LOCALES, nearest};

/// A word in Italian, English, Romanian and Russian.
type Word = (&'static str, [&'static str; 4]);

const LANGUAGES: [&str; 4] = ["it", "en", "ro", "ru"];

const HEADINGS: &[Word] = &[
    (
        "title",
        [
            "Dati conservati su una persona",
            "Data held on a person",
            "Date păstrate despre o persoană",
            "Данные, хранимые о человеке",
        ],
    ),
    ("member", ["Persona", "Person", "Persoana", "Человек"]),
    ("account", ["Conto", "Account", "Contul", "Счёт"]),
    ("coupons", ["Buoni", "Coupons", "Cupoane", "Купоны"]),
    ("notes", ["Note", "Notes", "Note", "Заметки"]),
    ("notices", ["Avvisi", "Notices", "Avize", "Уведомления"]),
    ("referrals", ["Inviti", "Referrals", "Recomandări", "Рекомендации"]),
    ("entries", ["Movimenti di punti", "Movements of points", "Mișcări de puncte", "Движения баллов"]),
    ("corrections", ["Correzioni a mano", "Corrections by hand", "Corecții manuale", "Исправления вручную"]),
    ("receipts", ["Acquisti", "Purchases", "Cumpărături", "Покупки"]),
    ("interactions", ["Altre attività", "Other activity", "Alte activități", "Другие действия"]),
    ("nothing", ["Nulla.", "Nothing.", "Nimic.", "Ничего."]),
    ("next", ["Pagina successiva", "Next page", "Pagina următoare", "Следующая страница"]),
    ("yes", ["sì", "yes", "da", "да"]),
    ("no", ["no", "no", "nu", "нет"]),
];

const LABELS: &[Word] = &[
    ("id", ["Identificativo", "Identifier", "Identificator", "Идентификатор"]),
    ("inner_id", ["Identificativo interno", "Inner identifier", "Identificator intern", "Внутренний идентификатор"]),
    (
        "former_ids",
        ["Identificativi precedenti", "Earlier identifiers", "Identificatori anteriori", "Прежние идентификаторы"],
    ),
    ("merged", ["Conti uniti", "Accounts taken over", "Conturi preluate", "Объединённые счета"]),
    ("status", ["Stato", "Status", "Stare", "Статус"]),
    ("card", ["Carta", "Card", "Card", "Карта"]),
    ("email", ["E-mail", "E-mail", "E-mail", "Эл. почта"]),
    ("phone", ["Telefono", "Phone", "Telefon", "Телефон"]),
    ("identifiers", ["Recapiti e carte", "Identifiers", "Date de contact și carduri", "Контакты и карты"]),
    ("kind", ["Tipo", "Kind", "Tip", "Вид"]),
    ("value", ["Valore", "Value", "Valoare", "Значение"]),
    ("verified", ["Verificato", "Verified", "Verificat", "Подтверждено"]),
    ("first_name", ["Nome", "First name", "Prenume", "Имя"]),
    ("last_name", ["Cognome", "Last name", "Nume", "Фамилия"]),
    ("birth_date", ["Data di nascita", "Date of birth", "Data nașterii", "Дата рождения"]),
    ("locale", ["Lingua", "Language", "Limba", "Язык"]),
    ("attributes", ["Attributi", "Attributes", "Atribute", "Атрибуты"]),
    ("changed_at", ["Attributi modificati il", "Attributes changed at", "Atribute modificate la", "Атрибуты изменены"]),
    ("lists", ["Iscrizioni", "Lists", "Abonări", "Подписки"]),
    ("listed_at", ["Iscritto il", "Subscribed at", "Abonat la", "Подписан"]),
    ("tags", ["Etichette", "Tags", "Etichete", "Метки"]),
    ("consent", ["Consensi", "Consents", "Consimțăminte", "Согласия"]),
    ("tier", ["Livello", "Tier", "Nivel", "Уровень"]),
    ("points", ["Punti", "Points", "Puncte", "Баллы"]),
    ("moved", ["Punti mossi", "Points moved", "Puncte mișcate", "Перемещено баллов"]),
    ("balance", ["Saldo", "Balance", "Sold", "Остаток"]),
    ("referral_code", ["Codice invito", "Referral code", "Cod de recomandare", "Код рекомендации"]),
    (
        "former_codes",
        ["Altri codici invito", "Further referral codes", "Alte coduri de recomandare", "Другие коды рекомендации"],
    ),
    ("referred_with", ["Iscritto con il codice", "Enrolled with the code", "Înscris cu codul", "Вступил с кодом"]),
    ("click", ["Clic sull'invito", "Click on a referral link", "Clic pe recomandare", "Переход по ссылке"]),
    ("created_at", ["Noto dal", "Known since", "Cunoscut din", "Известен с"]),
    ("enrolled_at", ["Iscritto il", "Enrolled at", "Înscris la", "Вступил"]),
    ("last_activity_at", ["Ultima attività", "Last activity", "Ultima activitate", "Последнее действие"]),
    ("last_purchase_at", ["Ultimo acquisto", "Last purchase", "Ultima cumpărătură", "Последняя покупка"]),
    ("version", ["Versione", "Version", "Versiune", "Версия"]),
    ("lots", ["Lotti di punti", "Lots of points", "Loturi de puncte", "Партии баллов"]),
    ("spendable_from", ["Spendibili dal", "Spendable from", "Utilizabile din", "Доступны с"]),
    ("last_day", ["Ultimo giorno", "Last day", "Ultima zi", "Последний день"]),
    ("reservations", ["Prenotazioni", "Reservations", "Rezervări", "Резервы"]),
    ("rules", ["Regole con un contatore", "Rules with a counter", "Reguli cu contor", "Правила со счётчиком"]),
    ("until", ["Fino a", "Until", "Până la", "До"]),
    ("code", ["Codice", "Code", "Cod", "Код"]),
    ("coupon", ["Buono", "Coupon", "Cupon", "Купон"]),
    ("reward", ["Premio", "Reward", "Recompensă", "Награда"]),
    ("cost", ["Costo", "Cost", "Cost", "Стоимость"]),
    ("discount", ["Sconto", "Discount", "Reducere", "Скидка"]),
    ("issued_at", ["Emesso il", "Issued at", "Emis la", "Выдан"]),
    ("expires_at", ["Scade il", "Expires at", "Expiră la", "Истекает"]),
    ("at", ["Quando", "When", "Când", "Когда"]),
    ("actor", ["Chi", "Who", "Cine", "Кто"]),
    ("reason", ["Motivo", "Reason", "Motiv", "Причина"]),
    ("text", ["Testo", "Text", "Text", "Текст"]),
    ("type", ["Tipo", "Type", "Tip", "Тип"]),
    ("source", ["Causa", "Cause", "Cauză", "Причина"]),
    ("explanation", ["Spiegazione", "Explanation", "Explicație", "Объяснение"]),
    ("as_friend", ["Invitato da", "Referred by", "Recomandat de", "По рекомендации"]),
    ("as_advocate", ["Persone invitate", "People referred", "Persoane recomandate", "Приглашённые"]),
    ("evidence", ["Indizi", "Evidence", "Indicii", "Признаки"]),
    ("score", ["Punteggio", "Score", "Scor", "Оценка"]),
    ("occurred_at", ["Quando", "When", "Când", "Когда"]),
    ("store", ["Negozio", "Store", "Magazin", "Магазин"]),
    ("channel", ["Canale", "Channel", "Canal", "Канал"]),
    ("currency", ["Valuta", "Currency", "Monedă", "Валюта"]),
    ("total", ["Totale", "Total", "Total", "Итого"]),
    ("lines", ["Righe", "Lines", "Linii", "Строки"]),
    ("product", ["Articolo", "Product", "Produs", "Товар"]),
    ("quantity", ["Quantità", "Quantity", "Cantitate", "Количество"]),
    ("amount", ["Importo", "Amount", "Sumă", "Сумма"]),
    ("category", ["Categoria", "Category", "Categorie", "Категория"]),
    ("brand", ["Marca", "Brand", "Marcă", "Марка"]),
    ("coupons", ["Buoni", "Coupons", "Cupoane", "Купоны"]),
    ("refunds", ["Resi", "Refunds", "Retururi", "Возвраты"]),
    ("name", ["Nome", "Name", "Nume", "Название"]),
    ("properties", ["Proprietà", "Properties", "Proprietăți", "Свойства"]),
];

/// A heading, or another word that stands by itself.
pub(super) fn heading(name: &str, language: &str) -> &'static str {
    find(HEADINGS, name, language).unwrap_or_default()
}

/// The label of a field. A field without one, such as an attribute of the merchant, has its own name.
pub(super) fn label<'a>(name: &'a str, language: &str) -> &'a str {
    find(LABELS, name, language).unwrap_or(name)
}

fn find(words: &[Word], name: &str, language: &str) -> Option<&'static str> {
    let nearest = nearest(language, SENTENCE_LOCALES.into_iter());
    let place = LANGUAGES.iter().position(|known| Some(*known) == nearest).unwrap_or(1);
    words.iter().find(|(known, _)| *known == name).and_then(|(_, texts)| texts.get(place).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_sentences_has_its_words_once() {
        assert!(SENTENCE_LOCALES.iter().all(|locale| LANGUAGES.contains(locale)));
        for words in [HEADINGS, LABELS] {
            for (place, (name, texts)) in words.iter().enumerate() {
                assert!(texts.iter().all(|text| !text.is_empty()), "{name}");
                assert!(words[..place].iter().all(|(other, _)| other != name), "{name} stands twice");
            }
        }
        assert_eq!(label("first_name", "ro-MD"), "Prenume");
        assert_eq!(label("first_name", "fr"), "First name");
        assert_eq!(label("shoe_size", "it"), "shoe_size");
    }
}
