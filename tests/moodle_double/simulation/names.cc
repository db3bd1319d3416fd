#include "moodle_double/simulation/names.h"

#include <array>
#include <span>

namespace compagnon::moodle_double {
namespace {

constexpr std::array<Country, 22> kCountries = {{
    {"SN", "Sénégal", "Africa/Dakar", "Dakar", 14},
    {"CI", "Côte d'Ivoire", "Africa/Abidjan", "Abidjan", 13},
    {"CM", "Cameroun", "Africa/Douala", "Douala", 12},
    {"BJ", "Bénin", "Africa/Porto-Novo", "Cotonou", 9},
    {"BF", "Burkina Faso", "Africa/Ouagadougou", "Ouagadougou", 8},
    {"ML", "Mali", "Africa/Bamako", "Bamako", 7},
    {"TG", "Togo", "Africa/Lome", "Lomé", 7},
    {"CD", "République démocratique du Congo", "Africa/Kinshasa", "Kinshasa", 7},
    {"MG", "Madagascar", "Indian/Antananarivo", "Antananarivo", 6},
    {"TN", "Tunisie", "Africa/Tunis", "Tunis", 5},
    {"MA", "Maroc", "Africa/Casablanca", "Rabat", 5},
    {"GN", "Guinée", "Africa/Conakry", "Conakry", 4},
    {"NE", "Niger", "Africa/Niamey", "Niamey", 4},
    {"TD", "Tchad", "Africa/Ndjamena", "N'Djaména", 3},
    {"CG", "Congo", "Africa/Brazzaville", "Brazzaville", 3},
    {"GA", "Gabon", "Africa/Libreville", "Libreville", 2},
    {"RW", "Rwanda", "Africa/Kigali", "Kigali", 2},
    {"BI", "Burundi", "Africa/Bujumbura", "Bujumbura", 2},
    {"MR", "Mauritanie", "Africa/Nouakchott", "Nouakchott", 2},
    {"DJ", "Djibouti", "Africa/Djibouti", "Djibouti", 2},
    {"KM", "Comores", "Indian/Comoro", "Moroni", 2},
    {"CF", "Centrafrique", "Africa/Bangui", "Bangui", 1},
}};

using List = std::span<const std::string_view>;

// West Africa of the Sahel.
constexpr std::string_view kSahelWomen[] = {
    "Aminata", "Fatou", "Mariam",  "Aïssatou", "Awa",      "Rokhaya",  "Binta",  "Khady",   "Oumou", "Salimata",
    "Ndèye",   "Adama", "Djénéba", "Kadiatou", "Maïmouna", "Safiatou", "Coumba", "Assitan", "Fanta", "Sira"};
constexpr std::string_view kSahelMen[] = {
    "Issa",   "Moussa",     "Ibrahima", "Mamadou", "Ousmane", "Cheikh",  "Abdoulaye", "Modou",  "Boubacar", "Seydou",
    "Amadou", "Souleymane", "Alassane", "Oumar",   "Idrissa", "Harouna", "Bakary",    "Daouda", "Lamine",   "Aliou"};
constexpr std::string_view kSahelLast[] = {
    "Diallo", "Ndiaye", "Traoré", "Bâ",        "Diop",   "Sow",   "Keïta",  "Coulibaly", "Cissé", "Camara", "Fall",
    "Sarr",   "Touré",  "Sanogo", "Ouédraogo", "Konaté", "Barry", "Sidibé", "Sagna",     "Gueye", "Maïga",  "Zongo"};
// Gulf of Guinea and Central Africa.
constexpr std::string_view kGulfWomen[] = {"Akissi",  "Adjoua", "Grâce",   "Clarisse", "Estelle", "Pélagie", "Affoué",
                                           "Ornella", "Sylvie", "Chantal", "Afi",      "Essi",    "Prisca",  "Mireille",
                                           "Larissa", "Edwige", "Nadège",  "Béatrice", "Solange", "Divine"};
constexpr std::string_view kGulfMen[] = {
    "Kouassi", "Koffi",   "Hervé",   "Désiré", "Jean-Baptiste", "Serge",  "Rodrigue", "Kossi",   "Yao",    "Aristide",
    "Landry",  "Thierry", "Patrick", "Firmin", "Cédric",        "Arnaud", "Emmanuel", "Fabrice", "Gilles", "Trésor"};
constexpr std::string_view kGulfLast[] = {"Kouamé",   "Koné",    "N'Guessan", "Ahouansou", "Gbédji", "Dossou",
                                          "Agbodjan", "Mensah",  "Mbarga",    "Ngo",       "Fotso",  "Tchamba",
                                          "Mbuyi",    "Kabongo", "Ilunga",    "Nzé",       "Obame",  "Mukendi",
                                          "Yao",      "Kpodar",  "Houngbo",   "Etoundi"};
constexpr std::string_view kLakesWomen[] = {"Uwase",  "Ineza",  "Mutoni", "Keza",   "Umutoni",
                                            "Nadine", "Ariane", "Diane",  "Carine", "Gloria"};
constexpr std::string_view kLakesMen[] = {"Nshuti",   "Ishimwe", "Manzi", "Hirwa",   "Bosco",
                                          "Innocent", "Claude",  "Egide", "Parfait", "Olivier"};
constexpr std::string_view kLakesLast[] = {"Habimana",   "Niyonzima",  "Uwimana", "Ndayishimiye",
                                           "Hakizimana", "Nkurunziza", "Mugisha", "Bizimana"};
constexpr std::string_view kIslandWomen[] = {"Voahangy", "Lalao", "Hanitra",  "Fara",   "Mialy",
                                             "Noro",     "Tiana", "Vololona", "Haingo", "Onja"};
constexpr std::string_view kIslandMen[] = {"Hery",   "Rivo",  "Tojo",  "Faly", "Mamy",
                                           "Solofo", "Andry", "Njaka", "Toky", "Zo"};
constexpr std::string_view kIslandLast[] = {"Rakotomalala", "Ranaivo",      "Razafindrakoto", "Randria",
                                            "Rasoanaivo",   "Andrianarivo", "Ratsimba",       "Rabe"};
constexpr std::string_view kMaghrebWomen[] = {"Amina",  "Yasmine", "Salma", "Imane", "Khadija",
                                              "Meriem", "Hajar",   "Asma",  "Rim",   "Nour"};
constexpr std::string_view kMaghrebMen[] = {"Youssef", "Karim", "Mehdi",  "Anis", "Walid",
                                            "Hamza",   "Bilal", "Rachid", "Sami", "Nabil"};
constexpr std::string_view kMaghrebLast[] = {"Benali", "Trabelsi",  "El Amrani", "Bouazizi", "Haddad",
                                             "Cherif", "Ben Salah", "Idrissi",   "Mansouri", "Jaziri"};
constexpr std::string_view kArabicWomen[] = {"فاطمة",  "خديجة", "مريم", "عائشة", "سلمى",
                                             "ياسمين", "أمينة", "زينب", "نور",   "هاجر"};
constexpr std::string_view kArabicMen[] = {"محمد", "أحمد", "يوسف",  "علي",  "إبراهيم",
                                           "عمر",  "حسن",  "مصطفى", "كريم", "خالد"};
constexpr std::string_view kArabicLast[] = {"بن علي",   "الإدريسي", "الحداد",   "التونسي", "العمراني",
                                            "ولد أحمد", "عبد الله", "المنصوري", "الشريف",  "موسى"};
constexpr std::string_view kTifinaghWomen[] = {"ⵜⵉⵍⵍⵉ", "ⴷⵉⵀⵢⴰ", "ⵜⴰⵏⵉⵔⵜ"};
constexpr std::string_view kTifinaghMen[] = {"ⵉⴷⵉⵔ", "ⴰⴽⵙⵉⵍ", "ⵎⴰⵙⵉⵏ"};
constexpr std::string_view kTifinaghLast[] = {"ⴰⵢⵜ ⵃⵎⴰⴷ", "ⵓⵎⵖⴰⵔ", "ⴰⵢⵜ ⵄⵍⵉ"};
constexpr std::string_view kNkoWomen[] = {"ߡߊߙߌߦߊߡ߫", "ߝߊߕߎ߬ߡߕߊ߫"};
constexpr std::string_view kNkoMen[] = {"ߛߟߏߡߣߊ߫", "ߡߎߛߊ߫"};
constexpr std::string_view kNkoLast[] = {"ߞߊ߲ߕߍ߫", "ߖߊߟߏ߫", "ߞߋߕߊ߫"};
constexpr std::string_view kArmenianWomen[] = {"Անահիտ", "Մարիամ"};
constexpr std::string_view kArmenianMen[] = {"Արամ", "Դավիթ"};
constexpr std::string_view kArmenianLast[] = {"Սարգսյան", "Հակոբյան"};
constexpr std::string_view kVietnameseWomen[] = {"Thị Hương", "Ngọc Ánh"};
constexpr std::string_view kVietnameseMen[] = {"Văn Đức", "Minh Quân"};
constexpr std::string_view kVietnameseLast[] = {"Nguyễn", "Trần", "Phạm"};

struct Pool {
  List women, men, last;
  bool latin;
};

Pool PoolOf(std::string_view country, Random* random) {
  const int rare = static_cast<int>(random->Below(200));
  if (rare == 0) return {kArmenianWomen, kArmenianMen, kArmenianLast, false};
  if (rare == 1) return {kVietnameseWomen, kVietnameseMen, kVietnameseLast, false};
  auto in = [country](std::string_view codes) { return codes.find(country) != std::string_view::npos; };
  if (rare < 6 && in("GN ML CI")) return {kNkoWomen, kNkoMen, kNkoLast, false};
  if (in("TN MA MR TD DJ KM")) {
    const int share = country == "TN" || country == "MA" || country == "MR" ? 450 : 250;
    if (random->Chance(share)) {
      if (country == "MA" && random->Chance(120)) return {kTifinaghWomen, kTifinaghMen, kTifinaghLast, false};
      return {kArabicWomen, kArabicMen, kArabicLast, false};
    }
    if (in("TN MA")) return {kMaghrebWomen, kMaghrebMen, kMaghrebLast, true};
    return {kSahelWomen, kSahelMen, kSahelLast, true};
  }
  if (country == "MG") return {kIslandWomen, kIslandMen, kIslandLast, true};
  if (in("RW BI")) return {kLakesWomen, kLakesMen, kLakesLast, true};
  if (in("CI CM BJ TG CD CG GA CF")) return {kGulfWomen, kGulfMen, kGulfLast, true};
  return {kSahelWomen, kSahelMen, kSahelLast, true};
}

// Lower-case ASCII of a Latin name; accented letters lose their accent.
std::string Slug(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, char>, 15> kPlain = {{{"é", 'e'},
                                                                                {"è", 'e'},
                                                                                {"ê", 'e'},
                                                                                {"ë", 'e'},
                                                                                {"É", 'e'},
                                                                                {"à", 'a'},
                                                                                {"â", 'a'},
                                                                                {"ä", 'a'},
                                                                                {"ï", 'i'},
                                                                                {"î", 'i'},
                                                                                {"ô", 'o'},
                                                                                {"ö", 'o'},
                                                                                {"û", 'u'},
                                                                                {"ü", 'u'},
                                                                                {"ç", 'c'}}};
  std::string out;
  for (size_t i = 0; i < name.size();) {
    const char c = name[i];
    if (c >= 'a' && c <= 'z') out.push_back(c);
    if (c >= 'A' && c <= 'Z') out.push_back(static_cast<char>(c - 'A' + 'a'));
    size_t step = 1;
    for (const auto& [accented, plain] : kPlain) {
      if (name.substr(i, accented.size()) != accented) continue;
      out.push_back(plain);
      step = accented.size();
      break;
    }
    i += step;
  }
  return out;
}

}  // namespace

Name DrawName(std::string_view country, bool female, Random* random) {
  const Pool pool = PoolOf(country, random);
  const List first = female ? pool.women : pool.men;
  Name name;
  name.first = first[static_cast<size_t>(random->Below(static_cast<int64_t>(first.size())))];
  name.last = pool.last[static_cast<size_t>(random->Below(static_cast<int64_t>(pool.last.size())))];
  if (pool.latin) name.slug = Slug(name.first) + "." + Slug(name.last);
  return name;
}

const Country& CountryOf(std::string_view code) {
  for (const Country& country : kCountries) {
    if (country.code == code) return country;
  }
  return kCountries.front();
}

const Country& DrawCountry(Random* random) {
  std::array<int, kCountries.size()> weights;
  for (size_t i = 0; i < kCountries.size(); ++i) weights[i] = kCountries[i].weight;
  return kCountries[random->Pick(weights)];
}

}  // namespace compagnon::moodle_double
