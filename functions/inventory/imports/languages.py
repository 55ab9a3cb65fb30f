"""Languages by their codes of ISO 639-1, 639-2 and 639-3 and by their names, English or own."""

_TABLE = """
aa aar Afar|ab abk Abkhazian|af afr Afrikaans|ak aka Akan|am amh Amharic|an arg Aragonese
ar ara Arabic العربية|as asm Assamese|av ava Avaric|ay aym Aymara|az aze Azerbaijani|ba bak Bashkir
be bel Belarusian|bg bul Bulgarian|bi bis Bislama|bm bam Bambara|bn ben Bengali
bo bod tib Tibetan|br bre Breton|bs bos Bosnian|ca cat Catalan|ce che Chechen|ch cha Chamorro
co cos Corsican|cr cre Cree|cs ces cze Czech čeština|cu chu Church-Slavic|cv chv Chuvash
cy cym wel Welsh
da dan Danish dansk|de deu ger German Deutsch|dv div Dhivehi|dz dzo Dzongkha|ee ewe Ewe
el ell gre Greek Ελληνικά
en eng English|eo epo Esperanto|es spa Spanish Castilian español|et est Estonian|eu eus baq Basque
fa fas per Persian Farsi|ff ful Fulah|fi fin Finnish|fj fij Fijian|fo fao Faroese
fr fra fre French français|fy fry Frisian|ga gle Irish|gd gla Gaelic|gl glg Galician|gn grn Guarani
gu guj Gujarati|gv glv Manx|ha hau Hausa|he heb Hebrew|hi hin Hindi|ho hmo Hiri-Motu
hr hrv Croatian|ht hat Haitian|hu hun Hungarian|hy hye arm Armenian|hz her Herero
ia ina Interlingua|id ind Indonesian|ie ile Interlingue|ig ibo Igbo|ii iii Yi|ik ipk Inupiaq
io ido Ido|is isl ice Icelandic|it ita Italian italiano|iu iku Inuktitut|ja jpn Japanese 日本語
jv jav Javanese
ka kat geo Georgian|kg kon Kongo|ki kik Kikuyu|kj kua Kuanyama|kk kaz Kazakh|kl kal Greenlandic
km khm Khmer|kn kan Kannada|ko kor Korean 한국어|kr kau Kanuri|ks kas Kashmiri|ku kur Kurdish
kv kom Komi|kw cor Cornish|ky kir Kyrgyz|la lat Latin|lb ltz Luxembourgish|lg lug Ganda
li lim Limburgish|ln lin Lingala|lo lao Lao|lt lit Lithuanian|lu lub Luba-Katanga|lv lav Latvian
mg mlg Malagasy|mh mah Marshallese|mi mri mao Maori|mk mkd mac Macedonian|ml mal Malayalam
mn mon Mongolian|mr mar Marathi|ms msa may Malay|mt mlt Maltese|my mya bur Burmese|na nau Nauru
nb nob Bokmål|nd nde Northern-Ndebele|ne nep Nepali|ng ndo Ndonga
nl nld dut Dutch Flemish Nederlands
nn nno Nynorsk|no nor Norwegian|nr nbl Southern-Ndebele|nv nav Navajo|ny nya Chichewa|oc oci Occitan
oj oji Ojibwa|om orm Oromo|or ori Oriya|os oss Ossetian|pa pan Punjabi|pi pli Pali
pl pol Polish polski
ps pus Pashto|pt por Portuguese português|qu que Quechua|rm roh Romansh|rn run Rundi
ro ron rum Romanian
ru rus Russian русский|rw kin Kinyarwanda|sa san Sanskrit|sc srd Sardinian|sd snd Sindhi
se sme Northern-Sami|sg sag Sango|si sin Sinhala|sk slk slo Slovak|sl slv Slovenian|sm smo Samoan
sn sna Shona|so som Somali|sq sqi alb Albanian|sr srp Serbian|ss ssw Swati|st sot Sotho
su sun Sundanese|sv swe Swedish svenska|sw swa Swahili|ta tam Tamil|te tel Telugu|tg tgk Tajik
th tha Thai
ti tir Tigrinya|tk tuk Turkmen|tl tgl Tagalog|tn tsn Tswana|to ton Tongan|tr tur Turkish Türkçe
ts tso Tsonga|tt tat Tatar|tw twi Twi|ty tah Tahitian|ug uig Uyghur|uk ukr Ukrainian|ur urd Urdu
uz uzb Uzbek|ve ven Venda|vi vie Vietnamese|vo vol Volapük|wa wln Walloon|wo wol Wolof|xh xho Xhosa
yi yid Yiddish|yo yor Yoruba|za zha Zhuang|zh zho chi Chinese Mandarin 中文|zu zul Zulu
"""

UNDETERMINED = "und"
"""ISO 639-2's own code for a language that is not known."""

_BY_NAME = {
    name.lower(): entry.split()[0]
    for line in _TABLE.strip().splitlines()
    for entry in line.split("|")
    for name in entry.split()
}


def language_code(text: str) -> str | None:
    """The shop's code: two letters where ISO 639-1 has them, else the three of 639-2 or 639-3.

    Takes codes of either kind, bibliographic ones too, with or without a region (`en-US`), and
    English names, and the own names of large languages. None where it is no language.
    """
    said = text.strip().lower()
    named = _BY_NAME.get(said.replace(" ", "-"))
    if named is not None:
        return named
    code = said.replace("_", "-").partition("-")[0]
    if code in _BY_NAME and len(code) <= 3:
        return _BY_NAME[code]
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code
    return None
