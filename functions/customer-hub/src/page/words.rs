//! The sentences of the programme page and its blocks, in four languages.

use tessera_domain::locale::{SENTENCE_LOCALES, nearest};

/// A number with its noun, by plural category: one, few, other.
pub(super) type Forms = [&'static str; 3];

/// The sentences of one language, with placeholders `{…}`.
#[derive(Debug)]
pub(super) struct PageTexts {
    /// The tag, and the language's own name for itself.
    pub tag: &'static str,
    pub name: &'static str,
    /// The label of the links to other languages.
    pub languages: &'static str,
    pub lead: &'static str,
    pub to_shop: &'static str,
    /// A reward that is already within reach: `{reward}`, `{points}`.
    pub first_reward: &'static str,
    pub how: &'static str,
    pub steps: [(&'static str, &'static str); 3],
    pub ways: &'static str,
    pub tiers: &'static str,
    /// The threshold of a tier, `{points}`; the lowest, and one that is given by hand.
    pub from: &'static str,
    pub from_start: &'static str,
    pub by_invitation: &'static str,
    /// The referral program: what the friend gets, `{gift}`, and what the member gets for `{friends}`.
    pub refer: &'static str,
    pub refer_how: &'static str,
    pub friend_gets: &'static str,
    pub you_get: &'static str,
    pub friends: Forms,
    pub rewards: &'static str,
    /// Pay with points: `{points}` are worth `{money}`.
    pub worth: &'static str,
    /// Only for members of `{tiers}`.
    pub only_for: &'static str,
    pub sold_out: &'static str,
    pub questions: &'static str,
    pub q_expiry: &'static str,
    pub never_expires: &'static str,
    pub expires_after: &'static str,
    pub expires_with_year: &'static str,
    pub expires_inactive: &'static str,
    pub q_spendable: &'static str,
    pub at_once: &'static str,
    pub after_days: &'static str,
    pub q_return: &'static str,
    pub taken_back: &'static str,
    pub comes_back: &'static str,
    pub q_tier: &'static str,
    pub tier_year: &'static str,
    pub tier_months: &'static str,
    pub tier_lifetime: &'static str,
    pub months: Forms,
    pub days: Forms,
    /// The blocks: `{points}`, `{reward}`.
    pub earn_with_this: &'static str,
    pub earn_with_basket: &'static str,
    pub earn_nothing: &'static str,
    pub balance: &'static str,
    pub to_next: &'static str,
    pub ready: &'static str,
    pub join: &'static str,
}

/// The words nearest to a language; English where there are none.
pub(super) fn words(language: &str) -> &'static PageTexts {
    let tag = nearest(language, SENTENCE_LOCALES.into_iter()).unwrap_or("en");
    ALL.iter().find(|words| words.tag == tag).unwrap_or(&ALL[0])
}

/// The languages, in the order of the page's links.
pub(super) static ALL: [PageTexts; 4] = [
    PageTexts {
        tag: "en",
        name: "English",
        languages: "Languages",
        lead: "Every purchase counts. Collect points, reach the next tier and choose your reward.",
        to_shop: "Go to the shop",
        first_reward: "Your first reward",
        how: "How it works",
        steps: [
            ("Join", "Enrol in the shop. It is free."),
            ("Collect", "Buy and take part: your balance grows by itself."),
            ("Choose", "Turn your balance into rewards whenever you like."),
        ],
        ways: "Ways to earn",
        tiers: "Tiers",
        from: "from {points}",
        from_start: "from the start",
        by_invitation: "by invitation",
        refer: "Bring your friends",
        refer_how: "Share your link. It counts when your friend buys.",
        friend_gets: "Your friend gets {gift}.",
        you_get: "You get {gift} for {friends}.",
        friends: ["{n} friend", "{n} friends", "{n} friends"],
        rewards: "Rewards",
        worth: "{points} are worth {money}: you choose how many",
        only_for: "Only {tiers}",
        sold_out: "Sold out",
        questions: "Questions and answers",
        q_expiry: "Do my points expire?",
        never_expires: "No, they never expire.",
        expires_after: "Yes, {months} after the day from which you can spend them.",
        expires_with_year: "Yes, at the end of the year in which you can first spend them.",
        expires_inactive: "Only after {months} without any activity. One purchase keeps all of them.",
        q_spendable: "When can I spend what I collect?",
        at_once: "At once.",
        after_days: "{days} after the purchase.",
        q_return: "What if I return something?",
        taken_back: "The points that the returned items earned are taken back.",
        comes_back: "Points that you had spent on them come back to you.",
        q_tier: "How is my tier decided?",
        tier_year: "By the points that you collect in a calendar year.",
        tier_months: "By the points that you collected in the last {months}.",
        tier_lifetime: "By all the points that you ever collected.",
        months: ["{n} month", "{n} months", "{n} months"],
        days: ["{n} day", "{n} days", "{n} days"],
        earn_with_this: "Earn {points} with this",
        earn_with_basket: "This basket earns {points}",
        earn_nothing: "Join and collect points with every purchase",
        balance: "Your balance",
        to_next: "{points} more for: {reward}",
        ready: "You can redeem: {reward}",
        join: "Join to use your points",
    },
    PageTexts {
        tag: "it",
        name: "Italiano",
        languages: "Lingue",
        lead: "Ogni acquisto conta. Raccogli punti, sali di livello e scegli il tuo premio.",
        to_shop: "Vai al negozio",
        first_reward: "Il tuo primo premio",
        how: "Come funziona",
        steps: [
            ("Iscriviti", "L'iscrizione nel negozio è gratuita."),
            ("Raccogli", "Acquista e partecipa: il saldo cresce da solo."),
            ("Scegli", "Trasforma il saldo in premi quando vuoi."),
        ],
        ways: "Come guadagnare",
        tiers: "Livelli",
        from: "da {points}",
        from_start: "da subito",
        by_invitation: "su invito",
        refer: "Porta i tuoi amici",
        refer_how: "Condividi il tuo link. Vale quando il tuo amico acquista.",
        friend_gets: "Il tuo amico riceve {gift}.",
        you_get: "Tu ricevi {gift} per {friends}.",
        friends: ["{n} amico", "{n} amici", "{n} amici"],
        rewards: "Premi",
        worth: "{points} valgono {money}: scegli tu quanti usarne",
        only_for: "Solo {tiers}",
        sold_out: "Esaurito",
        questions: "Domande e risposte",
        q_expiry: "I miei punti scadono?",
        never_expires: "No, non scadono mai.",
        expires_after: "Sì, {months} dopo il giorno in cui diventano spendibili.",
        expires_with_year: "Sì, alla fine dell'anno in cui diventano spendibili.",
        expires_inactive: "Solo dopo {months} senza attività. Un acquisto li conserva tutti.",
        q_spendable: "Quando posso usare quello che raccolgo?",
        at_once: "Subito.",
        after_days: "{days} dopo l'acquisto.",
        q_return: "E se faccio un reso?",
        taken_back: "I punti guadagnati con gli articoli resi vengono tolti.",
        comes_back: "I punti con cui li avevi pagati tornano a te.",
        q_tier: "Come si decide il mio livello?",
        tier_year: "Dai punti che raccogli in un anno solare.",
        tier_months: "Dai punti raccolti negli ultimi {months}.",
        tier_lifetime: "Da tutti i punti che hai mai raccolto.",
        months: ["{n} mese", "{n} mesi", "{n} mesi"],
        days: ["{n} giorno", "{n} giorni", "{n} giorni"],
        earn_with_this: "Guadagni {points} con questo acquisto",
        earn_with_basket: "Con questo carrello guadagni {points}",
        earn_nothing: "Iscriviti e raccogli punti con ogni acquisto",
        balance: "Il tuo saldo",
        to_next: "Ancora {points} per: {reward}",
        ready: "Puoi riscattare: {reward}",
        join: "Iscriviti per usare i tuoi punti",
    },
    PageTexts {
        tag: "ro",
        name: "Română",
        languages: "Limbi",
        lead: "Fiecare cumpărătură contează. Strânge puncte, urcă de nivel și alege recompensa ta.",
        to_shop: "Mergi la magazin",
        first_reward: "Prima ta recompensă",
        how: "Cum funcționează",
        steps: [
            ("Înscrie-te", "Înscrierea în magazin este gratuită."),
            ("Strânge", "Cumpără și participă: soldul crește de la sine."),
            ("Alege", "Transformă soldul în recompense când vrei."),
        ],
        ways: "Cum câștigi",
        tiers: "Niveluri",
        from: "de la {points}",
        from_start: "de la început",
        by_invitation: "pe bază de invitație",
        refer: "Adu-ți prietenii",
        refer_how: "Trimite linkul tău. Contează când prietenul tău cumpără.",
        friend_gets: "Prietenul tău primește {gift}.",
        you_get: "Tu primești {gift} pentru {friends}.",
        friends: ["{n} prieten", "{n} prieteni", "{n} de prieteni"],
        rewards: "Recompense",
        worth: "{points} valorează {money}: alegi tu câte folosești",
        only_for: "Doar {tiers}",
        sold_out: "Stoc epuizat",
        questions: "Întrebări și răspunsuri",
        q_expiry: "Punctele mele expiră?",
        never_expires: "Nu, nu expiră niciodată.",
        expires_after: "Da, la {months} după ziua din care pot fi folosite.",
        expires_with_year: "Da, la sfârșitul anului în care pot fi folosite prima dată.",
        expires_inactive: "Doar după {months} fără activitate. O cumpărătură le păstrează pe toate.",
        q_spendable: "Când pot folosi ce am strâns?",
        at_once: "Imediat.",
        after_days: "La {days} după cumpărătură.",
        q_return: "Ce se întâmplă dacă returnez ceva?",
        taken_back: "Punctele câștigate cu produsele returnate se retrag.",
        comes_back: "Punctele cu care le-ai plătit se întorc la tine.",
        q_tier: "Cum se stabilește nivelul meu?",
        tier_year: "După punctele strânse într-un an calendaristic.",
        tier_months: "După punctele strânse în ultimele {months}.",
        tier_lifetime: "După toate punctele strânse vreodată.",
        months: ["{n} lună", "{n} luni", "{n} de luni"],
        days: ["{n} zi", "{n} zile", "{n} de zile"],
        earn_with_this: "Câștigi {points} cu acest produs",
        earn_with_basket: "Coșul acesta aduce {points}",
        earn_nothing: "Înscrie-te și strânge puncte la fiecare cumpărătură",
        balance: "Soldul tău",
        to_next: "Încă {points} pentru: {reward}",
        ready: "Poți alege: {reward}",
        join: "Înscrie-te ca să folosești punctele",
    },
    PageTexts {
        tag: "ru",
        name: "Русский",
        languages: "Языки",
        lead: "Каждая покупка важна. Копите баллы, повышайте уровень и выбирайте награду.",
        to_shop: "В магазин",
        first_reward: "Ваша первая награда",
        how: "Как это работает",
        steps: [
            ("Вступите", "Регистрация в магазине бесплатна."),
            ("Копите", "Покупайте и участвуйте: баланс растёт сам."),
            ("Выбирайте", "Обменивайте баланс на награды, когда захотите."),
        ],
        ways: "Как получить баллы",
        tiers: "Уровни",
        from: "от {points}",
        from_start: "с самого начала",
        by_invitation: "по приглашению",
        refer: "Приводите друзей",
        refer_how: "Поделитесь своей ссылкой. Она засчитывается, когда друг сделает покупку.",
        friend_gets: "Ваш друг получает {gift}.",
        you_get: "Вы получаете {gift} за {friends}.",
        friends: ["{n} друга", "{n} друзей", "{n} друзей"],
        rewards: "Награды",
        worth: "{points} — это {money}: сколько потратить, решаете вы",
        only_for: "Только {tiers}",
        sold_out: "Закончилось",
        questions: "Вопросы и ответы",
        q_expiry: "Сгорают ли мои баллы?",
        never_expires: "Нет, они не сгорают.",
        expires_after: "Да, через {months} после дня, с которого их можно тратить.",
        expires_with_year: "Да, в конце года, в котором их впервые можно тратить.",
        expires_inactive: "Только через {months} без активности. Одна покупка сохраняет их все.",
        q_spendable: "Когда можно тратить накопленное?",
        at_once: "Сразу.",
        after_days: "Через {days} после покупки.",
        q_return: "А если я что-то верну?",
        taken_back: "Баллы, полученные за возвращённые товары, списываются.",
        comes_back: "Баллы, потраченные на них, возвращаются вам.",
        q_tier: "Как определяется мой уровень?",
        tier_year: "По баллам, полученным за календарный год.",
        tier_months: "По баллам, полученным за последние {months}.",
        tier_lifetime: "По всем баллам, которые вы когда-либо получили.",
        months: ["{n} месяц", "{n} месяца", "{n} месяцев"],
        days: ["{n} день", "{n} дня", "{n} дней"],
        earn_with_this: "Вы получите {points} за этот товар",
        earn_with_basket: "За эту корзину вы получите {points}",
        earn_nothing: "Вступите и копите баллы с каждой покупкой",
        balance: "Ваш баланс",
        to_next: "Ещё {points} — и ваша награда: {reward}",
        ready: "Можно получить: {reward}",
        join: "Вступите, чтобы тратить баллы",
    },
];

/// A text with its placeholders filled in.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

impl PageTexts {
    /// A number with its noun.
    pub fn counted(&self, forms: &Forms, n: u32) -> String {
        let (tens, ones) = (n % 100, n % 10);
        let place = match self.tag {
            "en" | "it" | "ro" if n == 1 => 0,
            "ro" if n == 0 || (1..=19).contains(&tens) => 1,
            "ru" if ones == 1 && tens != 11 => 0,
            "ru" if (2..=4).contains(&ones) && !(12..=14).contains(&tens) => 1,
            _ => 2,
        };
        fill(forms[place], &[("n", &n.to_string())])
    }

    /// A whole number with its thousands separated, as the language does.
    pub fn number(&self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let separator = match self.tag {
            "it" | "ro" => '.',
            "ru" => '\u{a0}',
            _ => ',',
        };
        // Italian does not separate four digits.
        let least = if self.tag == "it" { 5 } else { 4 };
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() >= least {
                text.push(separator);
            }
            text.push(digit);
        }
        if n < 0 { format!("-{text}") } else { text }
    }

    /// An amount such as `5.00` with its currency; whole amounts without their zeros.
    pub fn money(&self, amount: &str, currency: &str) -> String {
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| self.number(whole));
        let point = if self.tag == "en" { '.' } else { ',' };
        let is_whole = fraction.bytes().all(|digit| digit == b'0');
        let number = if is_whole { whole } else { format!("{whole}{point}{fraction}") };
        let sign = match currency {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            "RUB" => "₽",
            other => other,
        };
        if self.tag == "en" && sign.chars().count() == 1 {
            format!("{sign}{number}")
        } else {
            format!("{number}\u{a0}{sign}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_language_has_its_words() {
        for tag in SENTENCE_LOCALES {
            assert_eq!(words(tag).tag, tag);
        }
        assert_eq!(words("ro-MD").tag, "ro");
        assert_eq!(words("ja").tag, "en");
    }

    #[test]
    fn numbers_are_written_as_the_language_does() {
        let written = |tag: &str| [1_234, 12_345, 1_234_567].map(|n| words(tag).number(n));
        assert_eq!(written("en"), ["1,234", "12,345", "1,234,567"]);
        assert_eq!(written("it"), ["1234", "12.345", "1.234.567"]);
        assert_eq!(written("ro"), ["1.234", "12.345", "1.234.567"]);
        assert_eq!(written("ru"), ["1\u{a0}234", "12\u{a0}345", "1\u{a0}234\u{a0}567"]);
        let months = |tag: &str| [1, 3, 6, 12, 21, 24].map(|n| words(tag).counted(&words(tag).months, n));
        assert_eq!(months("ro"), ["1 lună", "3 luni", "6 luni", "12 luni", "21 de luni", "24 de luni"]);
        assert_eq!(months("ru"), ["1 месяц", "3 месяца", "6 месяцев", "12 месяцев", "21 месяц", "24 месяца"]);
        assert_eq!(words("en").money("5.00", "GBP"), "£5");
        assert_eq!(words("it").money("1234.50", "EUR"), "1234,50\u{a0}€");
        assert_eq!(words("en").money("10.00", "CHF"), "10\u{a0}CHF");
    }
}
