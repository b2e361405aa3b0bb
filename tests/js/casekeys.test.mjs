import assert from "node:assert/strict";
import { test } from "node:test";
import { checkList, findFiles, oneEach, parseCsv, readKey } from "../../static/handover/casekeys.mjs";

const GROUPS = ["film", "films", "scan", "scans"];

test("a list is read as spreadsheets write it", () => {
  assert.deepEqual(parseCsv('\uFEFFimage;labels\r\n"a;b ""c""";Mass\r\n\r\n'), [["image", "labels"], ['a;b "c"', "Mass"]]);
});

test("every fault of a list is told, by its row", () => {
  const said = checkList(parseCsv("image,group,labels\na.png,Film ,Mass\na.png,scan,;\nb.png,other,Mass"), GROUPS, []);
  assert.equal(said.faults.length, 3);
  assert.match(said.faults[0], /row 2: expected each image once/);
  assert.match(checkList(parseCsv("image,group\na,film"), GROUPS, ["sex"]).faults.join(), /a column labels.*a column sex/);
  assert.match(checkList(parseCsv("image,group,labels\na,film,Mass"), GROUPS, []).faults.join(), /both groups/);
});

test("a file is found where only one fits", () => {
  const files = ["top/a/1.dcm", "top/b/1.dcm", "top/2.dcm"].map((path) => ({ path, file: path }));
  const { found, faults } = findFiles(["a/1.dcm", "1.dcm", "x/2.png"], files);
  assert.deepEqual([...found], [["a/1.dcm", "top/a/1.dcm"], ["x/2.png", "top/2.dcm"]]);
  assert.deepEqual(faults, ["expected one file for '1.dcm', got 2"]);
});

test("sets are attested only where each has one of the first group", () => {
  const plan = [[0, 1], [0, 0], [1, 1], [1, 1]].map(([pair, arm]) => ({ pair, arm }));
  assert.equal(oneEach(plan.slice(0, 2)), true);
  assert.equal(oneEach(plan), false);
  assert.equal(oneEach([{ pair: 0, arm: 1 }]), false);
});

test("a saved key says again which case is which", () => {
  assert.deepEqual(readKey('case,arm,source\nab,1,"x,y.png"\n'), [{ case: "ab", source: "x,y.png" }]);
});
