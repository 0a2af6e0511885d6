using System.Reflection;
using System.Security.Cryptography;
using AkkaCharging.Host.Composition;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using Mono.Cecil;

namespace AkkaCharging.Host.Tests.Architecture;

/// <summary>
/// Keys and tokens that are presented to the service are compared in constant time, by <see cref="KeyHashes{T}"/> only.
/// Reads the compiled code, because a measurement of nanoseconds proves nothing on a busy machine.
/// </summary>
[Trait("Category", "Unit")]
public sealed class SecretComparisonTests
{
    /// <summary>What hands out a presented key, a known key, or a hash of either.</summary>
    private static readonly string[] Sources =
    [
        $"{nameof(ApiKeys)}::{nameof(ApiKeys.Presented)}",
        $"{nameof(ApiKeys)}::{nameof(ApiKeys.BearerOf)}",
        $"{nameof(KeyHash)}::{nameof(KeyHash.Of)}",
        $"{nameof(ApiKeySettings)}::get_{nameof(ApiKeySettings.Sha256)}",
        $"{nameof(OperatorSettings)}::get_{nameof(OperatorSettings.Sha256)}",
        $"{nameof(ManagementSettings)}::get_{nameof(ManagementSettings.Token)}",
    ];

    /// <summary>What compares values, and returns early at the first difference.</summary>
    private static readonly string[] Comparers =
    [
        "String::Equals",
        "String::op_Equality",
        "String::op_Inequality",
        "String::Compare",
        "String::CompareOrdinal",
        "String::CompareTo",
        "Object::Equals",
        "StringComparer::Equals",
        "MemoryExtensions::SequenceEqual",
        "MemoryExtensions::SequenceCompareTo",
        "MemoryExtensions::Equals",
        "Enumerable::SequenceEqual",
        "Enumerable::Contains",
        "HashSet`1::Contains",
        "Dictionary`2::TryGetValue",
        "Dictionary`2::ContainsKey",
        "FrozenDictionary`2::TryGetValue",
    ];

    private const string LengthOfText = "String::get_Length";

    private static readonly List<(string Name, HashSet<string> Calls)> Methods =
    [
        .. new[] { typeof(ChargingHost).Assembly, typeof(ApiKeySettings).Assembly }.SelectMany(Read),
    ];

    [Fact]
    public void HashOfAPresentedKey_IsComparedInConstantTime()
    {
        var (_, calls) = Assert.Single(Methods, method => method.Name == $"KeyHashes`1::{nameof(KeyHashes<>.OwnerOf)}");

        Assert.Contains($"CryptographicOperations::{nameof(CryptographicOperations.FixedTimeEquals)}", calls);
        Assert.Empty(calls.Intersect(Comparers));
    }

    [Fact]
    public void NobodyElse_ComparesKeysOrTheirHashes()
    {
        var holders = Methods.Where(method => method.Calls.Overlaps(Sources)).ToList();

        Assert.All(Sources, source => Assert.Contains(holders, method => method.Calls.Contains(source)));
        Assert.Equal([], holders.Where(method => method.Calls.Overlaps(Comparers)).Select(method => method.Name));
    }

    /// <summary>
    /// Every method with what it calls. Code of lambdas and async methods counts as a method of its own, with the type
    /// that the compiler made for it. A value of which only the length is taken does not count as called for.
    /// </summary>
    private static List<(string Name, HashSet<string> Calls)> Read(Assembly assembly)
    {
        using var module = ModuleDefinition.ReadModule(assembly.Location);
        return
        [
            .. module
                .GetTypes()
                .SelectMany(type => type.Methods)
                .Where(method => method.HasBody)
                .Select(method =>
                    (
                        NameOf(method),
                        method
                            .Body.Instructions.Where(instruction =>
                                instruction.Next?.Operand is not MethodReference next || NameOf(next) != LengthOfText
                            )
                            .Select(instruction => instruction.Operand)
                            .OfType<MethodReference>()
                            .Select(NameOf)
                            .ToHashSet(StringComparer.Ordinal)
                    )
                ),
        ];
    }

    private static string NameOf(MethodReference method) =>
        (method.DeclaringType.DeclaringType is { } outer ? $"{outer.Name}/" : "")
        + $"{method.DeclaringType.Name}::{method.Name}";
}
