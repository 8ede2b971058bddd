// meta.json and flat lists: what they give, and which paths they may name.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "harness/core/error.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::counts_of;
using testing::ids_of;
using testing::loaded;
using testing::masks_of;
using testing::Miniature;
using testing::sample_of;
using testing::warns;
using Strings = std::vector<std::string>;

std::string fault_of(const std::string& name, const std::filesystem::path& root) {
  try {
    loaded(name, root);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data) << error.what();
    return error.what();
  }
  return "nothing was thrown";
}

void add_three(Miniature& mini, const std::string& under = {}) {
  mini.picture(under + "a/good.png");
  mini.picture(under + "a/bad.png");
  mini.picture(under + "b/bad.png");
  mini.mask(under + "masks/bad.png", 255);
}

TEST(List, CsvJsonAndJsonLinesSayTheSame) {
  const std::pair<std::string, std::string> lists[] = {
      {"list.csv",
       "path,label,mask,class,defect\na/good.png,0,,a,\na/bad.png,1,masks/bad.png,a,hole\nb/"
       "bad.png,1,,b,\n"},
      {"list.tsv",
       "image\ttarget\tmask_path\tobject\ttype\na/good.png\tnormal\t\ta\t\na/"
       "bad.png\tanomaly\tmasks/bad.png\ta\thole\n"
       "b/bad.png\tTRUE\t\tb\t\n"},
      {"list.json", R"([{"path": "a/good.png", "label": 0, "class": "a", "mask": null},
                        {"path": "a/bad.png", "label": true, "mask": "masks/bad.png", "class": "a", "defect": "hole"},
                        {"path": "b/bad.png", "label": 1.0, "class": "b"}])"},
      {"list.jsonl",
       "{\"img_path\": \"a/good.png\", \"anomaly\": 0, \"cls_name\": \"a\"}\n"
       "{\"img_path\": \"./a/bad.png\", \"anomaly\": 1, \"cls_name\": \"a\", \"mask_path\": "
       "\"masks/bad.png\", "
       "\"specie_name\": \"hole\"}\n"
       "{\"img_path\": \"b/bad.png\", \"anomaly\": 1, \"cls_name\": \"b\"}"},
      {"keyed.json",
       R"({"a/good.png": {"label": 0, "class": "a"}, "b/bad.png": {"label": 1, "class": "b"},
                         "a/bad.png": {"label": 1, "class": "a", "mask": "masks/bad.png", "defect": "hole"}})"},
  };
  for (const auto& [name, text] : lists) {
    Miniature mini;
    add_three(mini);
    mini.text(name, text);
    for (const auto& root : {mini.path(), mini.path(name)}) {
      const Dataset set = loaded("list", root);
      EXPECT_EQ(ids_of(set), (Strings{"a/bad.png", "a/good.png", "b/bad.png"})) << name;
      EXPECT_EQ(counts_of(set, "a"), std::pair(1, 1)) << name;
      EXPECT_EQ(counts_of(set, "b"), std::pair(0, 1)) << name;
      EXPECT_EQ(masks_of(set, "a/bad.png"), (Strings{"masks/bad.png"})) << name;
      EXPECT_EQ(sample_of(set, "a/bad.png").truth.defect, "hole") << name;
      EXPECT_TRUE(sample_of(set, "a/good.png").truth.has_mask) << name;
      EXPECT_FALSE(sample_of(set, "b/bad.png").truth.has_mask) << name;
      EXPECT_EQ(set.warnings, Strings{}) << name;
    }
  }
}

TEST(List, OnlyTheTestPartIsScored) {
  Miniature mini;
  add_three(mini);
  mini.text("list.csv",
            "path,label,split\na/good.png,0,train\na/bad.png,1,test\nb/bad.png,1,val\n");
  const Dataset set = loaded("list", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{"a/bad.png"}));
  EXPECT_EQ(set.normal_train.at("all").size(), 1u);
  EXPECT_TRUE(warns(set, "neither test nor train are left out: val"));
}

TEST(List, FaultsNameTheirPlace) {
  const struct {
    std::string name, text, message;
  } cases[] = {
      {"list.csv", "path,label\na/good.png,2\n",
       "list.csv: line 2, column 12: the label must be 0 (normal) or 1 (anomalous), not '2'"},
      {"list.csv", "path,label\na/good.png,\n", "list.csv: line 2, column 12: the label must be"},
      {"list.csv", "path,score\na/good.png,1\n",
       "list.csv: line 1, column 1: a column was expected that is called 'label'"},
      {"list.csv", "label\n1\n", "a column was expected that is called 'path'"},
      {"list.csv", "path,label\na/good.png,0\n\"a/good.png\",0\n",
       "line 3, column 1: 'a/good.png' stands in line 2 already"},
      {"list.csv", "path,label\n,0\n", "line 2, column 1: 'path': '' is no path"},
      {"list.csv", "path,label\n", "holds no test image"},
      {"list.json", "[{\"path\": \"a/good.png\"}, {\"label\": 1, \"path\": \"b/bad.png\"}]",
       "line 1, column 2: the label must be"},
      {"list.json", "[{\"path\": [\"a/good.png\"], \"label\": 0}]",
       "line 1, column 11: a text was expected"},
      {"list.json", "[{\"path\": \"a/good.png\", \"label\": 0, \"label\": 1}]",
       "line 1, column 37: 'label' stands twice"},
      {"list.json", "[{\"path\": \"a\\u0000.png\", \"label\": 0}]", "holds a NUL"},
      {"list.jsonl", "{\"path\": \"a/good.png\", \"label\": NaN}\n",
       "list.jsonl: line 1, column 33: no valid JSON"},
      {"list.jsonl", std::string("\xFF\xFE{\0", 4), "UTF-16"},
      {"other.txt", "path,label\n", "holds no list"},
  };
  for (const auto& given : cases) {
    Miniature mini;
    add_three(mini);
    mini.text(given.name, given.text);
    const std::string message = fault_of("list", mini.path());
    EXPECT_NE(message.find(given.message), std::string::npos) << message;
  }
  Miniature mini;
  mini.text("one.csv", "x");
  mini.text("two.csv", "x");
  EXPECT_NE(fault_of("list", mini.path()).find("holds several lists"), std::string::npos);
}

// Row D5: what a list may not name. %R is the root, %O a folder outside of it.
class HostilePath : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(HostilePath, IsRefusedWithItsPlace) {
  const auto& [given, why] = GetParam();
  Miniature outside, mini;
  outside.picture("secret.png");
  mini.picture("set/a.png");
  mini.picture("set-other/a.png");
  namespace fs = std::filesystem;
  fs::create_symlink(outside.path("secret.png"), mini.path("set/link.png"));
  fs::create_symlink(outside.path(), mini.path("set/door"));
  fs::create_symlink("/proc", mini.path("set/proc"));
  fs::create_symlink("/dev/zero", mini.path("set/zero.png"));
  fs::create_symlink("../set-other/a.png", mini.path("set/neighbour.png"));
  fs::create_directory(mini.path("set/folder.png"));
  ASSERT_EQ(::mkfifo(mini.path("set/pipe.png").c_str(), 0600), 0);

  std::string path = given;
  const auto replace = [&](const std::string& mark, const std::string& by) {
    if (const auto at = path.find(mark); at != path.npos) path.replace(at, mark.size(), by);
  };
  replace("%R", mini.path("set").native());
  replace("%O", outside.path().native());
  for (const bool as_mask : {false, true}) {
    mini.text("set/list.csv", as_mask ? "path,label,mask\na.png,1,\"" + path + "\"\n"
                                      : "path,label\n\"" + path + "\",1\n");
    const std::string message = fault_of("list", mini.path("set"));
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_NE(message.find(as_mask ? "list.csv: line 2, column 9: 'mask': "
                                   : "list.csv: line 2, column 1: 'path': "),
              std::string::npos)
        << message;
  }
  mini.text("set/meta.json",
            R"({"test": {"c": [{"img_path": ")" +
                (path.find('\\') == path.npos ? path : "a\\\\b.png") +
                R"(", "mask_path": "", "cls_name": "c", "specie_name": "", "anomaly": 1}]}})");
  const std::string message = fault_of("meta", mini.path("set"));
  EXPECT_NE(message.find("meta.json: line 1, column 30: 'img_path': '"), std::string::npos)
      << message;
}

INSTANTIATE_TEST_SUITE_P(
    Paths, HostilePath,
    ::testing::Values(
        std::pair("../a.png", "leads up with '..'"), std::pair("b/../a.png", "leads up with '..'"),
        std::pair("..", "leads up with '..'"), std::pair("a/..", "leads up with '..'"),
        std::pair("./../set/a.png", "leads up with '..'"),
        std::pair("%R/../set-other/a.png", "leads up with '..'"),
        std::pair("/etc/passwd", "lies outside of"),
        std::pair("/proc/self/environ", "lies outside of"),
        std::pair("/dev/zero", "lies outside of"), std::pair("/dev/stdin", "lies outside of"),
        std::pair("%O/secret.png", "lies outside of"),
        std::pair("%R-other/a.png", "lies outside of"),
        std::pair("//etc/passwd", "lies outside of"), std::pair("/", "is no path"),
        std::pair(".", "is no path"), std::pair("./", "is no path"),
        std::pair("%R", "is no regular file"), std::pair("..\\\\a.png", "holds a backslash"),
        std::pair("C:\\\\a.png", "holds a backslash"), std::pair("a\\\\b.png", "holds a backslash"),
        std::pair("http://x/a.png", "is a URL"), std::pair("https://x/a.png", "is a URL"),
        std::pair("file:///etc/passwd", "is a URL"), std::pair("s3://bucket/a.png", "is a URL"),
        std::pair("hdf5://a.png", "is a URL"), std::pair("link.png", "leads out of"),
        std::pair("door/secret.png", "leads out of"),
        std::pair("%R/door/secret.png", "leads out of"),
        std::pair("door/nothing.png", "leads out of"),
        std::pair("proc/self/environ", "leads out of"),
        std::pair("proc/self/root/etc/passwd", "leads out of"),
        std::pair("zero.png", "leads out of"), std::pair("neighbour.png", "leads out of"),
        std::pair("folder.png", "is no regular file"), std::pair("pipe.png", "is no regular file"),
        std::pair("door", "leads out of")));

TEST(List, PathsMayNameTheRootToo) {
  for (const std::string path : {"a/bad.png", "./a//bad.png", "set/a/bad.png", "data/set/a/bad.png",
                                 "/mnt/data/set/a/bad.png"}) {
    Miniature mini;
    add_three(mini, "set/");
    mini.text("set/list.csv", "path,label\n" + path + ",1\n");
    EXPECT_EQ(ids_of(loaded("list", mini.path("set"))), (Strings{"a/bad.png"})) << path;
  }
  Miniature mini;
  add_three(mini, "set/");
  mini.text("set/list.csv", "path,label\n" + mini.path("set/a/bad.png").native() + ",1\n");
  EXPECT_EQ(ids_of(loaded("list", mini.path("set"))), (Strings{"a/bad.png"}));
}

TEST(List, AFileThatIsNotThereStaysASample) {
  Miniature mini;
  mini.text("list.csv", "path,label\nx/gone.png,1\n");
  const Dataset set = loaded("list", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{"x/gone.png"}));
  EXPECT_TRUE(warns(set, "listed files are not there: x/gone.png"));
}

TEST(List, NamesOfAnyBytesSurvive) {
  Miniature mini;
  const Strings names = {"new\nline.png", "caf\xE9.png", "50%.png",
                         "a#b.png",       "q\"uote.png", " blank .png"};
  std::string list = "path,label\n";
  for (const std::string& name : names) {
    mini.picture(name);
    std::string quoted = name;
    if (const auto at = quoted.find('"'); at != quoted.npos) quoted.insert(at, 1, '"');
    list += '"' + quoted + "\",1\n";
  }
  mini.text("list.csv", list);
  const Dataset set = loaded("list", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{" blank .png", "50%25.png", "a%23b.png", "caf%E9.png",
                                  "new%0Aline.png", "q\"uote.png"}));
  EXPECT_EQ(set.warnings, Strings{});
  for (const Sample& sample : set.test)
    EXPECT_TRUE(std::filesystem::exists(sample.image.path)) << sample.id;
}

TEST(Meta, OnlyTestIsScoredAndTrainGivesReferences) {
  Miniature mini;
  add_three(mini, "set/");
  mini.picture("set/a/train.png");
  mini.text("set/meta.json", R"({
  "train": {"a": [{"img_path": "a/train.png", "mask_path": "", "cls_name": "a", "specie_name": "good", "anomaly": 0}]},
  "test": {"a": [
    {"img_path": "a/good.png", "mask_path": "", "cls_name": "a", "specie_name": "good", "anomaly": 0},
    {"img_path": "set/a/bad.png", "mask_path": "set/masks/bad.png", "cls_name": "a", "specie_name": "hole", "anomaly": 1}],
   "b": [{"img_path": "b/bad.png", "mask_path": "", "cls_name": "b", "specie_name": "", "anomaly": 1}]}})");
  for (const auto& root : {mini.path("set"), mini.path("set/meta.json")}) {
    const Dataset set = loaded("meta", root);
    EXPECT_EQ(ids_of(set), (Strings{"a/bad.png", "a/good.png", "b/bad.png"}));
    EXPECT_EQ(masks_of(set, "a/bad.png"), (Strings{"masks/bad.png"}));
    EXPECT_TRUE(sample_of(set, "a/good.png").truth.has_mask);
    EXPECT_FALSE(sample_of(set, "b/bad.png").truth.has_mask);
    EXPECT_EQ(sample_of(set, "b/bad.png").truth.defect, "anomalous");
    EXPECT_EQ(set.normal_train.at("a").size(), 1u);
    EXPECT_EQ(set.warnings, Strings{});
  }
}

TEST(Meta, FaultsNameTheirPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "line 1, column 1: an object with 'test' was expected"},
      {"[]", "an object with 'test' was expected"},
      {R"({"test": []})", "line 1, column 10: an object of classes was expected, this is an array"},
      {R"({"test": {"a": {}}})", "line 1, column 16: class 'a' must be an array of records"},
      {R"({"test": {"a": [1]}})", "line 1, column 17: a record must be an object, not a number"},
      {R"({"test": {"a": [{"img_path": "a/good.png"}]}})",
       "line 1, column 17: 'anomaly' is missing"},
      {R"({"test": {"a": [{"img_path": "a/good.png", "anomaly": 2}]}})",
       "line 1, column 55: 'anomaly' must be 0 or 1, not '2'"},
      {R"({"test": {"a": [{"anomaly": 1}]}})", "line 1, column 17: 'img_path': '' is no path"},
      {R"({"test": {"a": [{"img_path": 3, "anomaly": 1}]}})",
       "line 1, column 30: 'img_path' must be a text, not a number"},
      {R"({"test": {"a": [{"img_path": "a/good.png", "anomaly": 1, "anomaly": 0}]}})",
       "'anomaly' stands twice"},
      {R"({"test": {"a": [{"img_path": "a/good.png", "anomaly": 0}, {"img_path": "a/good.png", "anomaly": 0}]}})",
       "'a/good.png' is listed twice"},
      {R"({"test": {"a": []}})", "holds no test image"},
      {R"({"test": )", "no valid JSON"},
  };
  for (const auto& [text, expected] : cases) {
    Miniature mini;
    add_three(mini);
    mini.text("meta.json", text);
    const std::string message = fault_of("meta", mini.path());
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

TEST(Meta, StandsInForTheTreeOfAKnownSet) {
  Miniature mini;
  add_three(mini);
  mini.text(
      "meta.json",
      R"({"test": {"bottle": [{"img_path": "a/bad.png", "mask_path": "masks/bad.png", "cls_name": "bottle",
                             "specie_name": "x", "anomaly": 1}]}})");
  for (const char* name : {"mvtec", "visa", "mpdd", "elpv", "aitex", "brainmri"}) {
    const Dataset set = loaded(name, mini.path());
    EXPECT_EQ(counts_of(set, "bottle"), std::pair(0, 1)) << name;
    EXPECT_TRUE(warns(set, "unknown edition")) << name;
  }
}

}  // namespace
}  // namespace looktwice
