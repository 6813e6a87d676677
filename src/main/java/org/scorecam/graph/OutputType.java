package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.StringViewVector;
import org.bytedeco.pytorch.StringViewVectorOptional;
import org.bytedeco.pytorch.TupleType;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch.TypeKind;

/**
 * What a TorchScript program declares that it returns, as far as values do not say it themselves:
 * the field names of named tuples.
 *
 * @param fields names of a tuple's elements; empty if they have none
 * @param parts types of a tuple's elements; of a list or dict one type, which all elements have
 */
public record OutputType(List<String> fields, List<OutputType> parts) {
  private static final OutputType UNKNOWN = new OutputType(List.of(), List.of());

  /**
   * Keeps copies of the lists.
   *
   * @param fields names
   * @param parts types
   */
  public OutputType {
    fields = List.copyOf(fields);
    parts = List.copyOf(parts);
  }

  /**
   * The type of a program's one result. Needs an open scope.
   *
   * @param program a method's graph
   * @return the type; without fields and parts where it is not a tuple, list or dict
   */
  public static OutputType of(Graph program) {
    return of(program.outputs().at(0).type().get());
  }

  private static OutputType of(Type type) {
    TypeKind kind = type.kind().intern();
    int last = (int) type.containedTypeSize() - 1;
    if (kind == TypeKind.OptionalType) {
      return of(type.containedType(0).get());
    }
    if (kind == TypeKind.ListType || kind == TypeKind.DictType) {
      return new OutputType(List.of(), List.of(of(type.containedType(last).get())));
    }
    if (kind != TypeKind.TupleType) {
      return UNKNOWN;
    }
    List<OutputType> parts = new ArrayList<>();
    for (int i = 0; i <= last; i++) {
      parts.add(of(type.containedType(i).get()));
    }
    return new OutputType(fieldsOf(new TupleType(type)), parts);
  }

  private static List<String> fieldsOf(TupleType tuple) {
    List<String> fields = new ArrayList<>();
    StringViewVectorOptional names = tuple.names();
    if (names.has_value()) {
      StringViewVector list = names.get();
      for (long i = 0; i < list.size(); i++) {
        fields.add(list.get(i).getString());
      }
    }
    return fields;
  }

  /**
   * The name of a tuple's element.
   *
   * @param position from 0
   * @return its field, or its position where it has no name
   */
  public String nameOf(int position) {
    return position < fields.size() ? fields.get(position) : Integer.toString(position);
  }

  /**
   * The type of an element of a tuple, list or dict.
   *
   * @param position from 0; of a list or dict any
   * @return the type; without fields and parts where this one is not known
   */
  public OutputType part(int position) {
    return parts.isEmpty() ? UNKNOWN : parts.get(Math.min(position, parts.size() - 1));
  }
}
