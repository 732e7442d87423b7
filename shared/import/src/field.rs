//! The fields that columns can mean, and the headers by which they are known.

use serde::{Deserialize, Serialize};

use crate::{ImportKind, ImportSource};

// The name is a `tt`: what a `literal` becomes, the derive of the schema does not read.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident $name:tt [$($alias:literal),* $(,)?]),+ $(,)?) => {
        /// What a column means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Field {
            $($(#[$doc])* #[serde(rename = $name)] $field),+
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// The name in mappings and previews.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name),+
                }
            }

            /// Other headers that mean it, folded.
            const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$field => &[$($alias),*]),+
                }
            }
        }
    };
}

fields! {
    /// The shop's own id of the customer.
    Id "id" ["customerid", "shopifycustomerid", "userid", "externalid", "memberid", "codicecliente", "merchantid"],
    /// The e-mail address.
    Email "email" [
        "emails", "mail", "emailaddress", "customeremail", "useremail", "primaryemail", "indirizzoemail", "adresaemail",
        "почта", "электроннаяпочта", "имейл", "customeremailaddress", "posta", "contactemail",
    ],
    /// The phone number.
    Phone "phone" ["phonenumber", "mobile", "mobilephone", "telefono", "cellulare", "telefon", "телефон", "tel"],
    /// The number of the loyalty card.
    Card "card" ["cardnumber", "loyaltycard", "tessera", "numerotessera", "card_number", "номеркарты", "carta"],
    /// The first name.
    FirstName "first_name" ["firstname", "givenname", "nome", "prenume", "имя", "forename"],
    /// The last name.
    LastName "last_name" ["lastname", "surname", "familyname", "cognome", "nume", "фамилия"],
    /// First and last name in one.
    #[serde(alias = "full_name")]
    FullName "name" ["fullname", "customername", "nomecompleto", "nomeecognome", "numecomplet"],
    /// The day of birth.
    BirthDate "birth_date" ["birthday", "birthdate", "dateofbirth", "dob", "compleanno", "datadinascita", "datanasterii", "деньрождения"],
    /// The language.
    Locale "locale" ["language", "lang", "lingua", "limba", "язык"],
    /// Member, visitor or excluded; of a coupon, available or used.
    Status "status" ["state", "memberstatus", "loyaltystatus", "stato", "couponstatus"],
    /// Lists that the member is on, separated by `|`.
    Lists "lists" ["list"],
    /// Tags, separated by `|`.
    Tags "tags" ["tag", "customertags", "segments"],
    /// Whether the member accepts e-mail.
    Consent "consent" ["acceptsmarketing", "acceptsemail", "emailconsent", "marketingconsent", "optin", "emailoptin", "subscribed", "consenso"],
    /// The balance.
    Points "points" [
        "pointsbalance", "balance", "pointbalance", "currentpoints", "availablepoints", "punti", "saldopunti", "saldo", "puncte",
        "баллы", "баланс", "loyaltypoints", "rewardpoints", "pointsavailable", "pointsapproved",
    ],
    /// Qualifying points.
    #[serde(alias = "qualifying")]
    Qualifying "qualifying_points" ["qualifyingpoints", "tierpoints", "vippoints", "statuspoints", "puntiqualificanti"],
    /// The last day of the points, the tier or the coupon.
    ExpiresAt "expires_at" [
        "expiresat", "expirydate", "expirationdate", "pointsexpireat", "expires", "validuntil", "scadenza", "until", "tierexpiresat", "viptierexpiresat",
        "expiry", "expiration", "pointsexpirydate", "tieruntil",
    ],
    /// The tier.
    Tier "tier" ["viptier", "tiername", "level", "loyaltytier", "livello", "nivel", "уровень", "tierid"],
    /// The day on which the tier was reached.
    Since "since" ["tiersince", "tierstart", "tierenteredat", "dal"],
    /// The code of a coupon or a referral.
    Code "code" ["couponcode", "discountcode", "rewardcode", "referralcode", "codice", "cod", "код", "couponid", "giftcode", "giftcardcode", "vouchercode", "promocode"],
    /// The reward of a coupon.
    Reward "reward" ["rewardid", "rewardname", "premio", "recompensa", "награда"],
    /// The id of an order.
    Order "order" ["orderid", "ordernumber", "orderno", "invoiceno", "invoice", "receipt", "receiptid", "ordine", "numeroordine", "заказ", "comanda", "transactionid"],
    /// When the order was placed.
    #[serde(alias = "occurred_at")]
    OccurredAt "date" ["orderdate", "createdat", "paidat", "occurredat", "invoicedate", "processedat", "data", "dataordine", "дата", "purchasedat", "datetime"],
    /// What the order cost, net of discounts and without shipping.
    Total "total" ["ordertotal", "subtotal", "totale", "totalprice", "amountpaid", "сумма", "grandtotal", "nettotal"],
    /// What the customer has spent in all.
    TotalSpent "total_spent" ["totalspent", "lifetimespend", "lifetimespent", "totalspend", "spesatotale", "totalecheltuit", "spent", "totalorders"],
    /// The currency of an order.
    Currency "currency" ["ordercurrency", "valuta", "moneda", "валюта"],
    /// Units of the program's currency for one unit of the order's.
    FxRate "fx_rate" ["fxrate", "exchangerate"],
    /// The shop.
    Store "store" ["storeid", "location", "negozio", "magazin", "магазин"],
    /// The channel.
    Channel "channel" ["saleschannel", "canale", "sourcename"],
    /// The article's number of a line.
    Sku "sku" ["lineitemsku", "stockcode", "itemsku", "articolo", "артикул"],
    /// The article's name of a line.
    Product "product" ["lineitemname", "description", "productname", "prodotto", "produs", "товар", "itemname"],
    /// The category of a line.
    Category "category" ["producttype", "categoria", "categorie", "категория"],
    /// The brand of a line.
    Brand "brand" ["vendor", "lineitemvendor", "marca", "бренд"],
    /// The quantity of a line.
    Quantity "quantity" ["lineitemquantity", "qty", "quantita", "cantitate", "количество"],
    /// The price of a whole line.
    Amount "amount" ["lineamount", "linetotal", "importo"],
    /// The price of one item of a line.
    UnitPrice "unit_price" ["unitprice", "lineitemprice", "price", "prezzo", "pret", "цена"],
}

impl Field {
    /// The field with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// True when files of a kind have the field.
    pub(crate) const fn is_of(self, kind: ImportKind) -> bool {
        if matches!(self, Self::Id | Self::Email | Self::Phone | Self::Card) {
            return true;
        }
        match kind {
            ImportKind::Members => matches!(
                self,
                Self::FirstName
                    | Self::LastName
                    | Self::FullName
                    | Self::BirthDate
                    | Self::Locale
                    | Self::Status
                    | Self::Lists
                    | Self::Tags
                    | Self::Consent
                    | Self::Points
                    | Self::Qualifying
                    | Self::ExpiresAt
            ),
            ImportKind::Tiers => matches!(self, Self::Tier | Self::Since | Self::ExpiresAt),
            ImportKind::Coupons => matches!(self, Self::Code | Self::Reward | Self::Status | Self::ExpiresAt),
            ImportKind::ReferralCodes => matches!(self, Self::Code | Self::ExpiresAt),
            ImportKind::Orders => matches!(
                self,
                Self::Order
                    | Self::OccurredAt
                    | Self::Total
                    | Self::TotalSpent
                    | Self::Currency
                    | Self::FxRate
                    | Self::Store
                    | Self::Channel
                    | Self::Sku
                    | Self::Product
                    | Self::Category
                    | Self::Brand
                    | Self::Quantity
                    | Self::Amount
                    | Self::UnitPrice
            ),
        }
    }

    /// True when a source documents this header for the field.
    pub(crate) fn is_documented(self, source: ImportSource, header: &str) -> bool {
        match source {
            ImportSource::Smile => matches!((self, header), (Self::Email, "email") | (Self::Points, "points")),
            ImportSource::Yotpo => matches!(
                (self, header),
                (Self::Email, "email" | "emails")
                    | (Self::FullName, "fullname")
                    | (Self::FirstName, "firstname")
                    | (Self::LastName, "lastname")
                    | (Self::Points, "pointsbalance" | "points")
                    | (Self::BirthDate, "birthday")
            ),
            ImportSource::LoyaltyLion | ImportSource::Wix | ImportSource::Generic => fold(self.name()) == header,
        }
    }

    /// True when a folded header is a known name of the field.
    pub(crate) fn is_known_as(self, header: &str) -> bool {
        fold(self.name()) == header || self.aliases().iter().any(|alias| fold(alias) == header)
    }

    /// True when the header of a column names the field, in any of the ways that imports know.
    pub fn is_named_by(self, header: &str) -> bool {
        self.is_known_as(&fold(header))
    }
}

/// A header without case, accents, spaces and punctuation.
pub(crate) fn fold(header: &str) -> String {
    let fold_letter = |c: char| match c {
        'à' | 'á' | 'â' | 'ă' | 'ä' => 'a',
        'è' | 'é' | 'ê' => 'e',
        'ì' | 'í' | 'î' => 'i',
        'ò' | 'ó' | 'ö' => 'o',
        'ù' | 'ú' | 'ü' => 'u',
        'ș' | 'ş' => 's',
        'ț' | 'ţ' => 't',
        other => other,
    };
    header.to_lowercase().chars().filter(|c| c.is_alphanumeric()).map(fold_letter).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_header_means_two_fields_of_one_kind() {
        for (_, kind) in ImportKind::ALL {
            let mut known: BTreeMap<String, Field> = BTreeMap::new();
            for field in Field::ALL.iter().copied().filter(|field| field.is_of(kind)) {
                let names = field.aliases().iter().map(|alias| fold(alias)).chain([fold(field.name())]);
                for name in names {
                    let other = known.insert(name.clone(), field).unwrap_or(field);
                    assert_eq!(other, field, "{name}");
                }
            }
        }
    }
}
