#include "wire/python_values.h"

#include <gtest/gtest.h>

namespace mecapy::wire {
namespace {

// As runtime/python writes them.
constexpr const char* kRow =
    R"({"$type":"ndarray","dtype":"float64","shape":[3],"data":[0.0,"nan",1e-3]})";
constexpr const char* kTable =
    R"({"$type": "ndarray", "dtype": "int64", "shape": [2, 3], "data": [1,2,3,4,5,6]})";
constexpr const char* kMasked =
    R"({"$type":"ndarray","dtype":"int64","shape":[2,2],"data":[1,2,3,4],"mask":[false,true,false,false]})";

std::string list(const std::string& json) { return list_in(json, 100).value_or("none"); }
std::string at(const std::string& json, const char* pointer) {
  return value_in(json, pointer).value_or("none");
}

TEST(PythonValues, AnArray_IsTheListOfItsFirstAxis) {
  EXPECT_EQ(list("[1, 2]"), "[1, 2]");
  EXPECT_EQ(list(kRow), R"([0.0,{"$type":"float","value":"nan"},1e-3])");
  EXPECT_EQ(list(kTable), R"([{"$type":"ndarray","dtype":"int64","shape":[3],"data":[1,2,3]},)"
                          R"({"$type":"ndarray","dtype":"int64","shape":[3],"data":[4,5,6]}])");
  EXPECT_EQ(list(R"({"$type":"ndarray","dtype":"bool","shape":[0],"data":[]})"), "[]");
  EXPECT_EQ(list(R"({"$type":"ndarray","dtype":"float64","shape":[0,3],"data":[]})"), "[]");
  EXPECT_EQ(list(R"({"$type":"ndarray","dtype":"str","shape":[1],"data":["nan"]})"), R"(["nan"])");
}

TEST(PythonValues, OfALongArray_NoMoreIsMadeThanIsAskedFor) {
  EXPECT_EQ(list_in(kRow, 1), "[0.0]");
  EXPECT_EQ(list_in("[1,2]", 1), "[1,2]");
}

TEST(PythonValues, EntriesThatAreNoNumber_StandAsTheyDoAlone) {
  EXPECT_EQ(list(R"({"$type":"ndarray","dtype":"complex128","shape":[1],"data":[[1.0,"inf"]]})"),
            R"([{"$type":"complex","value":[1.0,"inf"]}])");
  EXPECT_EQ(
      list(R"({"$type":"ndarray","dtype":"datetime64[D]","shape":[2],"data":["2026-01-01",null]})"),
      R"([{"$type":"datetime64","dtype":"datetime64[D]","value":"2026-01-01"},)"
      R"({"$type":"datetime64","dtype":"datetime64[D]","value":null}])");
  EXPECT_EQ(list(R"({"$type":"ndarray","dtype":"bytes","shape":[1],"data":["YQ=="]})"),
            R"([{"$type":"bytes","value":"YQ=="}])");
}

TEST(PythonValues, WhatIsMasked_IsNull) {
  EXPECT_EQ(at(kMasked, "/0/1"), "null");
  EXPECT_EQ(at(kMasked, "/1/1"), "4");
  EXPECT_EQ(at(kMasked, "/0"),
            R"({"$type":"ndarray","dtype":"int64","shape":[2],"data":[1,2],"mask":[false,true]})");
}

TEST(PythonValues, ASeries_IsTheListOfItsValues) {
  EXPECT_EQ(list(R"({"$type":"series","name":null,"index":["a","b"],"data":[1.5,"nan"],)"
                 R"("dtype":"float64"})"),
            R"([1.5,{"$type":"float","value":"nan"}])");
  EXPECT_EQ(list(R"({"$type":"series","index":[0],"data":["x"],"dtype":"datetime64[ns]"})"),
            "none");
}

TEST(PythonValues, APointer_LeadsIntoArraysAndDicts) {
  const std::string result = R"({"x": )" + std::string(kTable) +
                             R"(, "m": {"$type":"dict","items":[[1,10],["ok",true],["a/b",2]]}})";
  EXPECT_EQ(at(result, "/x/1/2"), "6");
  EXPECT_EQ(at(result, "/x/1"),
            R"({"$type":"ndarray","dtype":"int64","shape":[3],"data":[4,5,6]})");
  EXPECT_EQ(at(result, "/m/1"), "10");
  EXPECT_EQ(at(result, "/m/ok"), "true");
  EXPECT_EQ(at(result, "/m/a~1b"), "2");
  EXPECT_EQ(at(result, "/x"), kTable);
  for (const char* nowhere : {"/x/2", "/x/0/3", "/x/-1", "/x/00", "/x/0/0/0", "/m/2", "/y", "x"})
    EXPECT_EQ(at(result, nowhere), "none") << nowhere;
}

TEST(PythonValues, WhatIsNone_IsNamed) {
  const std::string frame = R"({"f":{"$type":"dataframe","columns":["x"],"data":[[1]]}})";
  EXPECT_EQ(kind_in(frame, "/f"), "dataframe");
  EXPECT_EQ(kind_in(frame, "/f/x"), "dataframe");
  EXPECT_EQ(kind_in(frame, "/g"), "");
  EXPECT_EQ(kind_in("[1]", ""), "");
}

// Anybody can write such an object.
TEST(PythonValues, AnArrayThatIsNone_IsNoList) {
  for (const char* forged :
       {R"({"$type":"ndarray"})", R"({"$type":"ndarray","shape":[],"data":[1]})",
        R"({"$type":"ndarray","shape":[2],"data":[1]})",
        R"({"$type":"ndarray","shape":[1],"data":7})",
        R"({"$type":"ndarray","shape":[-1],"data":[]})",
        R"({"$type":"ndarray","shape":[1.0],"data":[1]})",
        R"({"$type":"ndarray","shape":[4294967296,4294967296],"data":[]})",
        R"({"$type":"ndarray","shape":[18446744073709551615,0],"data":[1]})",
        R"({"$type":"ndarray","shape":[99999999999,0],"data":[]})",
        R"({"$type":"ndarray","shape":[2],"data":[1,2],"mask":[true]})",
        R"({"$type":["ndarray"],"shape":[1],"data":[1]})", R"({"$type":"set","value":[1]})", "7"}) {
    EXPECT_EQ(list(forged), "none") << forged;
    EXPECT_EQ(at(forged, "/0"), "none") << forged;
  }
}

}  // namespace
}  // namespace mecapy::wire
