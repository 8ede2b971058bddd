// ELPV, solar cells in electroluminescence (Buerhop-Lutz et al. 2018): images/cellNNNN.png and
// labels.csv, whose rows are path, probability of a defect (0, 1/3, 2/3, 1) and module type, set
// apart by blanks.
#include <array>
#include <cmath>

#include "harness/core/random.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"
#include "suites/datasets/meta.h"

namespace looktwice::datasets {
namespace {

const std::vector<std::string> kVariants = {"inctrl", "all", "p>0", "p>=0.5"};

struct SolarCell {
  std::string relative = {}, type = {};
  int thirds = 0;  // probability times 3
};

std::vector<SolarCell> cells_of(Gathering& gathering) {
  const std::filesystem::path file = gathering.path("labels.csv");
  const Table table =
      csv_table(text_of_file(file), file.string(), {.separator = ' ', .header = false});
  if (table.columns.size() != 3)
    table.refuse({1, 1}, "three columns were expected: path, probability, module type");
  std::vector<SolarCell> cells;
  for (const Row& row : table.rows) {
    const double thirds = 3 * table.number(row, "2");
    if (!(thirds >= 0 && thirds <= 3) || std::abs(thirds - std::round(thirds)) > 0.01)
      table.refuse(row.cells[1].place, "the probability must be 0, 1/3, 2/3 or 1, not '" +
                                           printable(row.cells[1].text, 80) + "'");
    if (row.cells[2].text != "mono" && row.cells[2].text != "poly")
      table.refuse(row.cells[2].place, "the module type must be mono or poly, not '" +
                                           printable(row.cells[2].text, 80) + "'");
    const Refuse refuse = [&](const std::string& why) { table.refuse(row.cells[0].place, why); };
    cells.push_back({.relative = gathering.listed_file(row.cells[0].text, refuse),
                     .type = row.cells[2].text,
                     .thirds = static_cast<int>(std::lround(thirds))});
  }
  return cells;
}

// The InCTRL split: of the cells with probability 0, in file order, the first ceil(n / 4) of a
// permutation with seed 42 are test normals, the others train. sklearn's train_test_split with
// random_state 42 draws the same.
void add_inctrl(Gathering& gathering, const std::vector<SolarCell>& cells) {
  std::vector<const SolarCell*> normals;
  for (const SolarCell& cell : cells) {
    if (cell.thirds == 3) gathering.add(cell.relative, "elpv", true, cell.type);
    if (cell.thirds == 0) normals.push_back(&cell);
  }
  const auto order = permutation(static_cast<std::uint32_t>(normals.size()), 42);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const SolarCell& cell = *normals[order[i]];
    if (i < (normals.size() + 3) / 4)
      gathering.add(cell.relative, "elpv", false, "good");
    else
      gathering.add_train("elpv", cell.relative);
  }
}

std::map<std::string, ExpectedCount> expected(const std::string& variant) {
  if (variant == "all") return {{"elpv", {1508, 715}}};
  if (variant == "p>0") return {{"elpv", {1508, 1116}}};
  if (variant == "p>=0.5") return {{"elpv", {1803, 821}}};
  return {{"elpv", {377, 715}}};
}

Dataset load(const DatasetRequest& request) {
  const std::string variant = chosen_variant("elpv", kVariants, request.variant);
  Gathering gathering(found_root(
      request.root, {.title = "ELPV",
                     .usual_names = {"elpv", "elpv_dataset", "elpv_dataset_master", "src", "data"},
                     .layout = "labels.csv beside images/",
                     .fits = [](const auto& folder) {
                       std::error_code fault;
                       return std::filesystem::is_regular_file(folder / "labels.csv", fault) &&
                              std::filesystem::is_directory(folder / "images", fault);
                     }}));
  if (!gathering.has_file("labels.csv")) {
    add_meta_json(gathering, "meta.json");
    return gathering.finished(expected(variant));
  }
  const std::vector<SolarCell> cells = cells_of(gathering);
  if (variant == "inctrl") {
    add_inctrl(gathering, cells);
  } else {
    for (const SolarCell& cell : cells) {
      if (variant == "all" && cell.thirds != 0 && cell.thirds != 3) continue;
      const bool anomalous = cell.thirds >= (variant == "p>=0.5" ? 2 : 1);
      gathering.add(cell.relative, "elpv", anomalous, anomalous ? cell.type : "good");
    }
  }
  return gathering.finished(expected(variant));
}

}  // namespace

DatasetEntry elpv_dataset() {
  return {.name = "elpv",
          .title = "ELPV",
          .summary = "labels.csv and images/cellNNNN.png, as elpv-dataset holds them",
          .variants = kVariants,
          .expected = expected,
          .load = load};
}

}  // namespace looktwice::datasets
