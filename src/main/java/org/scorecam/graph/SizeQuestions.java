package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueVector;

/**
 * A program that is run once, for the sizes of some of its tensors. Everything here needs one open
 * scope.
 */
final class SizeQuestions {
  private final Graph program;
  private final ValueVector asked = new ValueVector();

  /** Nothing asked yet; changes the program, whose result is lost. */
  SizeQuestions(Graph program) {
    this.program = program;
  }

  /** Asks for a tensor's sizes, after a node. */
  void ask(Value tensor, JitNode after) {
    JitNode size = program.create(Symbol.fromQualString("aten::size"));
    size.addInput(tensor);
    size.insertAfter(after);
    size.output().setType(size.schema().returns().type()); // Of the overload.
    asked.push_back(size.output());
  }

  /** Runs the program; the sizes in the order in which they were asked for. */
  List<long[]> answers(IValueVector inputs) {
    GraphNodes.returnTuple(program, asked);
    CompilationUnit unit = new CompilationUnit();
    Function function = unit.create_function(new QualifiedName("scorecam.sizes"), program);
    IValueVector elements = function.apply(inputs).toTuple().elements().vec();
    List<long[]> answers = new ArrayList<>();
    for (long i = 0; i < elements.size(); i++) {
      answers.add(elements.get(i).toIntVector().get());
    }
    return answers;
  }
}
