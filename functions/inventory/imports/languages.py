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

_OTHER_CODES = """
aav ace ach ada ady afa afh ain akk ale alg alq alt ang anp apa arc arn arp art arw ast ath atj aus
ave awa bad bai bal ban bas bat bej bem ber bho bih bik bin bla bnc bnt bra brx btk bua bug bum byn
cad cai car cau cay ceb cel chb chg chk chm chn cho chp chr chy cic ckb cmc cmn cnr cop cou cpe cpf
cpp crg crh crj crk crl crm crp csb csw cus cwd dak dar day del den dgr din doi dra dsb dua dum dyu
efi egl egy eka elx enm esx ewo fan fat fil fit fiu fkv fon frm fro frr frs fuf fur gaa gay gba gem
gez gil git gju gmh gml goh gon gor got grb grc grt gsw guc gwi hai haw hil him hit hmn hmx hoc hop
hsb hup hux iba ijo ike ikt ilo inc ine inh ira iro jbo jow jpr jpx jrb kaa kab kac kam kar kaw kbd
kbp kdr kha khi kho khr kln kmb kok kos kpe kqs krc krl kro kru kss kum kut kwk lad lah lam lez lij
lkt lmo lol lom loz lua lui lun luo lus luy mad mag mai mak man map mas mdf mdr men mga mic min mis
mkh mnc mni mno moe moh mol mos mul mun mus mwf mwl mwr myn myv nah nai nap nds new nia nic niu nog
non nqo nrf nsk nso nub nwc nym nyn nyo nzi odt ojs oka omq ood osa ota oto paa pag pal pam pap pau
pcd peo pes phi phn pms pon poz pra pri pro prs qar qav qgl qiv qlk qls qnf qsp qsw raj rap rar rcf
rgn rjs rkt rmg roa rom rup sad sah sai sal sam sas sat scc scn sco scr sdc sdn sel sem sga sgn shi
shn shs sid sio sit sla sma smi smj smn sms snk sog son srm srn sro srr ssa sto suk sus sux swb syc
syr szl tai tem ter tet thp tig tiv tkl tlh tli tmh tod tog tpi tsd tsi tum tup tut tvl tyv tzm tzo
udm uga umb und unr urj vai vec vot wak wal war was wen wls wuu wym xal xuu yao yap ypk yue zap zbl
zen zgh zhx znd zun zxx zza
"""
"""What else ONIX's list 74 has: the rest of ISO 639-2/B, and of 639-3 what books are written in."""

UNDETERMINED = "und"
"""ISO 639-2's own code for a language that is not known."""

_OTHERS = frozenset(_OTHER_CODES.split())
_BY_NAME = {
    name.lower(): entry.split()[0]
    for line in _TABLE.strip().splitlines()
    for entry in line.split("|")
    for name in entry.split()
}


def language_code(text: str) -> str | None:
    """The shop's code: two letters where ISO 639-1 has them, else the three of ONIX's list 74.

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
    return code if code in _OTHERS else None
